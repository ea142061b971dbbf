"""What a process tells of itself while it works: spans of a trace (OpenTelemetry). Off unless it is asked for."""
