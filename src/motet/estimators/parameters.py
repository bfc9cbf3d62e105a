"""The constructor's parameters as scikit-learn asks for them: read, changed, printed, cloned."""

from __future__ import annotations

from typing import Any, Self

from motet.errors import UsageError


class Parameters:
    """Parameters are the keywords of the constructor, each kept under its own name."""

    def __repr__(self) -> str:
        usual = type(self).__init__.__kwdefaults__ or {}
        changed = [f"{name}={value!r}" for name, value in self.get_params().items() if value != usual[name]]
        return f"{type(self).__name__}({', '.join(changed)})"

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The constructor's parameters by name."""
        return {name: getattr(self, name) for name in self._names()}

    def set_params(self, **parameters: Any) -> Self:
        """Change parameters of the constructor; UsageError for a name that is none."""
        for name, value in parameters.items():
            if name not in self._names():
                raise UsageError(f"no parameter {name!r}: one of {', '.join(self._names())}")
            setattr(self, name, value)
        return self

    @classmethod
    def _names(cls) -> list[str]:
        code = cls.__init__.__code__
        return list(code.co_varnames[1 : 1 + code.co_kwonlyargcount])
