"""The process that serves: uvicorn, its protocols and its workers."""
