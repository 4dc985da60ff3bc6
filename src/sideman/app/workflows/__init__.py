"""Jobs: their plans, their heavy tasks (run in a child process, by dotted name) and how their results are stored."""
