"""Models as they lie on disk: found, converted once where they are GGUF, and read by tensor and byte range."""
