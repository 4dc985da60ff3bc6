"""Take a recording apart: the separator protocol, sets of stems that add up, and the backends."""

from sideman.core.separation.backends.preview import PreviewSeparator
from sideman.core.separation.separator import Quality, SeparatedStem, Separator, WrittenSet, WrittenStem, write_set

__all__ = ["PreviewSeparator", "Quality", "SeparatedStem", "Separator", "WrittenSet", "WrittenStem", "write_set"]
