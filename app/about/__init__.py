"""What Nibble is made of: versions of its parts, the licences of all that is in it, and which release is the newest.

May import everything below it down to `app.core`. Main entries: `read_versions`; `components` with `notices_of`, and
`problems_of`, which names what may not be given away as it is; `newest_release`, the only one that uses the network.
"""

from app.about.component import Component, Inside, Kind, LicenceText
from app.about.components import components
from app.about.notices import all_notices, notices_of
from app.about.problems import problems_of
from app.about.releases import Release, Standing, asked_host, newest_release, releases_address
from app.about.versions import Versions, read_versions

__all__ = [
    "Component",
    "Inside",
    "Kind",
    "LicenceText",
    "Release",
    "Standing",
    "Versions",
    "all_notices",
    "asked_host",
    "components",
    "newest_release",
    "notices_of",
    "problems_of",
    "read_versions",
    "releases_address",
]
