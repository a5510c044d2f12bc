"""Firsthop from Python.

    import firsthop
    with firsthop.Client("/run/firsthop/control.sock") as control:
        for client in control.clients(state="lost"):
            print(client["address"], control.explain(client["address"]))

Only the standard library is needed.  firsthop.mininet (which needs Mininet)
builds networks to experiment with; firsthop.lab is what they are made of.
"""

from .client import DEFAULT_SOCKET, ApiError, Client

__all__ = ["DEFAULT_SOCKET", "ApiError", "Client"]
