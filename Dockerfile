# One image for the API and for workers. `docker build -t sideman .`
#
# Dependencies lie in a layer of their own, made from pyproject.toml alone: a change of code rebuilds the last layers only. Wheels are
# mounted for the installation, not copied: a copied file stays in its layer even when a later one removes it.
FROM python:3.13-slim AS wheels
WORKDIR /build
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY tools/dependencies.py tools/
RUN python tools/dependencies.py server postgres azure s3 separation > requirements.txt \
 && pip wheel --no-cache-dir --wheel-dir /wheels -r requirements.txt
COPY . .
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /package .

FROM python:3.13-slim
RUN useradd --system --create-home --uid 10001 sideman && install -d -o sideman /data /models
RUN --mount=type=bind,from=wheels,source=/wheels,target=/wheels \
    --mount=type=bind,from=wheels,source=/build/requirements.txt,target=/requirements.txt \
    pip install --no-cache-dir --no-index --find-links /wheels -r /requirements.txt
RUN --mount=type=bind,from=wheels,source=/package,target=/package pip install --no-cache-dir --no-deps /package/*.whl
USER sideman
ENV SIDEMAN_DATA=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 5000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(os.environ.get('SIDEMAN_HEALTH', 'http://127.0.0.1:5000/livez'), timeout=4)"]
CMD ["sideman", "serve", "--host", "0.0.0.0", "--no-worker"]
