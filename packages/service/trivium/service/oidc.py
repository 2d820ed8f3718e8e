"""Log in with an OpenID Connect provider: authorization code with PKCE, state and nonce, a checked ID token.

Nothing here runs, and nothing is asked, unless `TRIVIUM_OIDC_ISSUER` is set. Needs the extra `oidc`. Specifications:
OpenID Connect Core 1.0 (3.1), Discovery 1.0, RFC 7636 (PKCE), RFC 9700 (security of OAuth).
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import quote, urlencode

from trivium.service.errors import InputError, NotFoundError, UpstreamError
from trivium.service.phrase import Phrase
from trivium.service.settings import Settings

__all__ = ["Attempt", "Identity", "IdentityProvider"]

_ALGORITHMS = ("RS256", "PS256", "ES256", "RS384", "RS512", "ES384", "EdDSA")  # signatures only, never `none` or HMAC
_TIMEOUT_S = 10.0
_LEEWAY_S = 60
_KEYS_AGAIN_S = 60.0
_WHERE = "identity provider"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to the provider and back; travels in a cookie, so that only the browser that left comes back."""

    state: str
    nonce: str
    verifier: str
    target: str

    @classmethod
    def new(cls, target: str) -> Attempt:
        """Start an attempt that leads to `target`, a path of this server."""
        return cls(secrets.token_urlsafe(24), secrets.token_urlsafe(24), secrets.token_urlsafe(48), target)

    def packed(self) -> str:
        """Return the attempt as the value of a cookie."""
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode()

    @classmethod
    def unpacked(cls, packed: str) -> Attempt | None:
        """Return the attempt of a cookie; None when it is none of ours."""
        try:
            return cls(**{name: str(value) for name, value in json.loads(base64.urlsafe_b64decode(packed)).items()})
        except (ValueError, TypeError, AttributeError):
            return None


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom the provider vouches for.

    Args:
        subject: hash of issuer and subject, which never changes.
        name: for people.
        roles: what their groups are given.
    """

    subject: str
    name: str
    roles: tuple[str, ...]


class IdentityProvider:
    """The provider that the settings name.

    Args:
        settings: issuer, client and the roles by group.
        roles_by_group: as the deployment stores roles.

    Raises:
        InputError: if the extra is not installed, or a setting is missing.
    """

    def __init__(self, settings: Settings, roles_by_group: Mapping[str, tuple[str, ...]]) -> None:
        try:
            import httpx
            import joserfc  # noqa: F401 - used below; missing here, it is one line at start
        except ModuleNotFoundError as error:
            hint = "pip install 'trivium[oidc]'"
            raise InputError(
                Phrase("needs the module {module}", module=error.name), where="TRIVIUM_OIDC_ISSUER", hint=hint
            ) from error
        if not settings.oidc_client_id:
            raise InputError("is empty, but TRIVIUM_OIDC_ISSUER is set", where="TRIVIUM_OIDC_CLIENT_ID")
        self._settings = settings
        self._issuer = settings.oidc_issuer
        self._roles_by_group = dict(roles_by_group)
        self._http = httpx.Client(timeout=_TIMEOUT_S, follow_redirects=False)
        self._lock = threading.Lock()
        self._described: dict[str, Any] = {}
        self._keys: dict[str, Any] = {}
        self._keys_at = 0.0

    def address(self, attempt: Attempt, redirect_uri: str) -> str:
        """Return where to send the browser.

        Raises:
            UpstreamError: if the provider does not answer as one.
        """
        challenge = base64.urlsafe_b64encode(hashlib.sha256(attempt.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": redirect_uri,
            "scope": "openid profile email",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        endpoint = self._endpoint("authorization_endpoint")
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}"

    def identify(self, attempt: Attempt, code: str, redirect_uri: str) -> Identity:
        """Trade a code for an ID token, check it, and return whom it names.

        Raises:
            InputError: if the token cannot be trusted.
            NotFoundError: if none of the person's groups has a role here.
            UpstreamError: if the provider does not answer.
        """
        answer = self._token(attempt, code, redirect_uri)
        claims = self._claims(answer.get("id_token"), attempt)
        groups = claims.get(self._settings.oidc_groups_claim)
        if groups is None and isinstance(answer.get("access_token"), str) and "userinfo_endpoint" in self._described:
            more = self._ask(self._endpoint("userinfo_endpoint"), token=answer["access_token"])
            groups = more.get(self._settings.oidc_groups_claim) if more.get("sub") == claims["sub"] else None
        names = [groups] if isinstance(groups, str) else [str(name) for name in groups or ()]
        roles = tuple(dict.fromkeys(role for name in names for role in self._roles_by_group.get(name, ())))
        name = str(claims.get("preferred_username") or claims.get("email") or claims["sub"])
        if not roles:
            raise NotFoundError("no group of this account has a role here", where=name[:64])
        subject = hashlib.sha256(f"{self._issuer}#{claims['sub']}".encode()).hexdigest()
        return Identity(subject, name, roles)

    def _token(self, attempt: Attempt, code: str, redirect_uri: str) -> dict[str, Any]:
        """Ask the token endpoint (RFC 6749, 4.1.3)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
            "client_id": self._settings.oidc_client_id,
        }
        secret = self._settings.oidc_client_secret.get_secret_value()
        endpoint = self._endpoint("token_endpoint")
        known = self._described.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret and "client_secret_basic" in known:
            pair = (quote(self._settings.oidc_client_id, safe=""), quote(secret, safe=""))
            return self._ask(endpoint, form=form, auth=pair)
        return self._ask(endpoint, form=form | ({"client_secret": secret} if secret else {}))

    def _claims(self, token: object, attempt: Attempt) -> dict[str, Any]:
        """Check signature, issuer, audience, times and nonce of an ID token (OpenID Connect Core, 3.1.3.7)."""
        from joserfc import jwt
        from joserfc.errors import JoseError

        client = self._settings.oidc_client_id
        rules = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": self._issuer},
            aud={"essential": True, "value": client},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": attempt.nonce},
        )
        try:
            claims = dict(jwt.decode(str(token), self._key_set(str(token)), algorithms=list(_ALGORITHMS)).claims)
            rules.validate(claims)
        except (JoseError, ValueError) as error:
            raise InputError(
                Phrase("the ID token cannot be trusted ({reason})", reason=_reason(error)), where=_WHERE
            ) from error
        audience = claims["aud"]
        if "azp" in claims and claims["azp"] != client:
            raise InputError("the ID token was made for another client (azp)", where=_WHERE)
        if isinstance(audience, list) and len(audience) > 1 and "azp" not in claims:
            raise InputError("the ID token has several audiences and does not say for whom it is (azp)", where=_WHERE)
        return claims

    def _key_set(self, token: str) -> Any:
        """Return the provider's keys, asked for again, once a minute at most, when the token names an unknown one."""
        from joserfc.jwk import KeySet

        try:
            header = token.partition(".")[0]
            wanted = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))).get("kid")
        except (ValueError, AttributeError):
            raise InputError("the ID token cannot be read", where=_WHERE) from None
        with self._lock:
            known = {key.get("kid") for key in self._keys.get("keys", ())}
            if (not known or wanted not in known) and time.monotonic() - self._keys_at > (
                _KEYS_AGAIN_S if known else 0
            ):
                self._keys = self._ask(self._endpoint("jwks_uri"))
                self._keys_at = time.monotonic()
            for_signing = [key for key in self._keys.get("keys", ()) if key.get("use", "sig") == "sig"]
        return KeySet.import_key_set({"keys": [key for key in for_signing if key.get("kty") in ("RSA", "EC", "OKP")]})

    def _endpoint(self, name: str) -> str:
        """Return an address from the provider's description of itself, which is read once."""
        if not self._described:
            described = self._ask(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if described.get("issuer") != self._issuer:
                raise UpstreamError(
                    Phrase("calls itself '{issuer}'", issuer=described.get("issuer")),
                    where=self._issuer,
                    hint="set TRIVIUM_OIDC_ISSUER to that",
                )
            self._described = described
        address = self._described.get(name)
        if not isinstance(address, str):
            raise UpstreamError(Phrase("names no {field}", field=name), where=self._issuer)
        return address

    def _ask(
        self, url: str, *, form: dict[str, str] | None = None, auth: tuple[str, str] | None = None, token: str = ""
    ) -> dict[str, Any]:
        import httpx

        headers = {"accept": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        try:
            if form is None:
                answer = self._http.get(url, headers=headers)
            else:
                answer = self._http.post(url, data=form, headers=headers, auth=auth or httpx.USE_CLIENT_DEFAULT)
            said = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise UpstreamError(
                Phrase("did not answer ({reason})", reason=type(error).__name__), where=_WHERE
            ) from error
        if form is not None and answer.status_code == 400 and isinstance(said, dict):
            what = Phrase("refused the login ({reason})", reason=str(said.get("error"))[:60])
            raise InputError(what, where=_WHERE)
        if answer.status_code != 200 or not isinstance(said, dict):
            raise UpstreamError(Phrase("answered with status {status}", status=answer.status_code), where=_WHERE)
        return said


def _reason(error: Exception) -> str:
    """Return what is wrong with a token without a piece of it."""
    claim = getattr(error, "claim", "")
    return f"{type(error).__name__}{f': {claim}' if claim else ''}"
