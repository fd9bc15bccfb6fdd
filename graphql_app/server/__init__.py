"""The server process: uvicorn, its workers, and stricter versions of its two protocols."""
