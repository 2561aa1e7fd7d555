"""The service with a route that raises an unexpected exception."""

from dreamlake_assets import create_app

app = create_app()


@app.get("/broken")
def broken() -> str:
    return str(1 // 0)
