"""How we call another DICOM system: the association, and what to say where there is none."""

from __future__ import annotations

import socket
import ssl
from typing import Any

from pydicom.uid import UID
from pynetdicom import AE
from pynetdicom.association import Association

from trivium.medical.network.entity import Peer, be_silent
from trivium.service.errors import UpstreamError
from trivium.service.phrase import Phrase

__all__ = ["NotTakenError", "associated", "status_of"]

_TIMEOUT_S = 60
_CONNECTION_TIMEOUT_S = 10
_REFUSAL_S = 2


class NotTakenError(UpstreamError):
    """The other system is there, and does not take what we have: asking again changes nothing."""


def associated(title: str, peer: Peer, *sop_classes: Any) -> Association:
    """Return an association for some SOP classes; whoever asked releases it.

    Args:
        title: our own.

    Raises:
        NotTakenError: if the other system does not know one of the classes.
        UpstreamError: if there is none to be had.
        InputError: if a file of its TLS cannot be used.
    """
    be_silent()
    asking, tls = AE(title), peer.tls()
    asking.acse_timeout = asking.dimse_timeout = asking.network_timeout = _TIMEOUT_S
    asking.connection_timeout = _CONNECTION_TIMEOUT_S
    for one in sop_classes:
        asking.add_requested_context(one)
    by = (tls, peer.host) if tls is not None else None
    found = asking.associate(peer.host, peer.port, ae_title=peer.title, tls_args=by)
    if not found.is_established:
        where = Phrase("{title} at {host} port {port}", title=peer.title, host=peer.host, port=peer.port)
        if tls is not None and not found.is_rejected and (fault := _tls_fault(peer, tls)):
            what = Phrase("no TLS connection ({detail})", detail=fault)
            hint = Phrase("see {setting}_AUTHORITIES, _CERTIFICATE and _KEY", setting=peer.setting)
            raise UpstreamError(what, where=where, hint=hint)
        if found.rejected_contexts:
            raise _not_taken(found, where)
        told = "turned us away" if found.is_rejected else "does not answer"
        raise UpstreamError(told, where=where, hint=Phrase("does it know {title}?", title=title))
    if found.rejected_contexts:
        found.release()
        raise _not_taken(found, peer.title)
    return found


def _not_taken(association: Association, where: str) -> NotTakenError:
    refused = UID(str(association.rejected_contexts[0].abstract_syntax))
    return NotTakenError(Phrase("does not take {kind}", kind=refused.name), where=where)


def status_of(code: int | None) -> str:
    """Return how a status is told: `status A700`."""
    return "no answer" if code is None else Phrase("status {code}", code=f"{code:04X}")


def _tls_fault(peer: Peer, tls: ssl.SSLContext) -> str:
    """Return what keeps a connection from being made by TLS, which pynetdicom does not tell; empty for nothing."""
    try:
        with (
            socket.create_connection((peer.host, peer.port), timeout=_CONNECTION_TIMEOUT_S) as plain,
            tls.wrap_socket(plain, server_hostname=peer.host) as made,
        ):
            made.settimeout(_REFUSAL_S)
            made.recv(1)  # with TLS 1.3 a certificate of ours is refused only now
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)
    except ssl.SSLError as error:
        return str(error.reason or error)
    except OSError:  # nobody is there, or is and waits for us to speak
        pass
    return ""
