"""A request to every operation that the interface describes, with values that its schemas allow."""

from __future__ import annotations

import random
import re
from typing import Any

LEFT_OUT = re.compile(r"_system/(resume|restore|backups)$|channels/test$|_roster/probe$|_connections/flush$")
"""What would call addresses of the dice's invention, copy the database again and again, or take it away."""
PATHS = {"unit_id": "a", "name": "slmm-20261121T120000Z.zip", "address": "a@example.org", "channel": "log"}
QUERIES: dict[str, tuple[str, ...]] = {
    "from": ("2026-11-20T00:00:00Z", "2026-11-20", "2026-11-20T00:00"),
    "until": ("2026-11-21T00:00:00Z", "2026-11-21"),
    "date": ("2026-11-20",),
    "day": ("2026-11-20",),
    "week": ("2026-W47",),
    "month": ("2026-11",),
    "metrics": ("laeq,lp", "lp", "all"),
    "path": ("/NL-43",),
    "units": ("a", "a,b"),
    "replay": ("a",),
    "last_event_id": ("a:1", "x-1-2,3"),
}
HEADERS: tuple[dict[str, str], ...] = (
    *({}, {}, {}, {"Last-Event-ID": "a:1"}, {"Accept-Language": "de, en;q=0.5"}, {"Range": "bytes=0-10"}),
    *({"If-None-Match": '"x"'}, {"Origin": "https://evil.example"}, {"Authorization": "Bearer slmm_x"}),
    *({"Cookie": "slmm_session=x; lang=de"}, {"Accept": "text/html"}, {"X-Forwarded-For": "1.2.3.4"}),
    *(
        {"Content-Type": "text/plain"},
        {"If-Modified-Since": "yesterday"},
        {"Host": "a:b"},
        {"Accept-Encoding": "gzip;q=x"},
    ),
)


class Requests:
    """Requests of one description."""

    def __init__(self, document: dict[str, Any], dice: random.Random) -> None:
        self._schemas = document["components"]["schemas"]
        self._dice = dice
        self._operations = [
            (method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
            if method in ("get", "put", "post", "delete") and not (method != "get" and LEFT_OUT.search(path))
        ]

    def one_of_each(self) -> list[dict[str, Any]]:
        """A request to every operation."""
        return [self._request(*operation) for operation in self._operations]

    def any(self) -> dict[str, Any]:
        """A request to any operation."""
        return self._request(*self._dice.choice(self._operations))

    def _request(self, method: str, path: str, operation: dict[str, Any]) -> dict[str, Any]:
        query = {}
        for parameter in operation.get("parameters", []):
            name, schema = parameter["name"], parameter.get("schema", {})
            if parameter["in"] == "path":
                path = path.replace(f"{{{name}}}", str(PATHS.get(name, 1)))
            elif parameter["in"] == "query" and (parameter.get("required") or self._dice.random() < 0.5):
                query[name] = str(self._dice.choice(QUERIES[name]) if name in QUERIES else self.value(schema))
        request = {"method": method.upper(), "path": path, "query": query, "headers": self._dice.choice(HEADERS)}
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        return {**request, "body": self.value(content["schema"])} if content else request

    def value(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """Something that fits a schema."""
        if "$ref" in schema:
            return self.value(self._schemas[schema["$ref"].rpartition("/")[2]], depth)
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self.value(self._dice.choice(schema[key]), depth)
        if "const" in schema or "enum" in schema:
            return self._dice.choice(schema.get("enum") or [schema["const"]])
        return self._of_type(schema, depth)

    def _of_type(self, schema: dict[str, Any], depth: int) -> Any:
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                return [self.value(schema.get("items", {}), depth + 1) for _ in range(self._dice.randint(0, 2))]
            case "integer":
                return self._dice.choice(
                    (schema.get("minimum", 0), schema.get("maximum", 9), schema.get("default") or 1)
                )
            case "number":
                return self._dice.choice((schema.get("minimum", 0.0), schema.get("default") or 55.0, 60.5))
            case "boolean":
                return self._dice.random() < 0.5
            case "null":
                return None
        return self._dice.choice(
            (schema.get("default") or "a", *schema.get("examples", ()), "lp", "a", "UTC", "22:00", "1h")
        )

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self.value(member, depth + 1)
            for name, member in schema.get("properties", {}).items()
            if name in required or self._dice.random() < (0.5 if depth < 3 else 0.1)
        }
