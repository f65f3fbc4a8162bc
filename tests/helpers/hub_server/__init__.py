"""A local Hub that speaks the real one's HTTP: search, model info, trees, files behind a redirect to another host.

`HubServer` serves repositories given as plain data, records what it is asked, and can be told what goes wrong. Shapes
follow recorded answers of huggingface.co and what huggingface_hub, the client, reads.
"""

from tests.helpers.hub_server.faults import Fault
from tests.helpers.hub_server.repository import Content, Hole, Repository
from tests.helpers.hub_server.server import HubServer, Request

__all__ = ["Content", "Fault", "Hole", "HubServer", "Repository", "Request"]
