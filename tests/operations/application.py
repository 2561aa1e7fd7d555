"""The service with a route that fails in a way that nobody expected."""

from dreamlake_assets import create_app

app = create_app()


@app.get("/broken")
def broken() -> str:
    return str(1 // 0)
