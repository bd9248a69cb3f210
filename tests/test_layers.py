"""The import contracts of setup.cfg hold: data climbs by signal, commands descend by call."""

import subprocess
import sys
from pathlib import Path


def test_imports_point_one_way() -> None:
    top = Path(__file__).resolve().parent.parent
    command = Path(sys.executable).parent / "lint-imports"
    result = subprocess.run([command, "--no-cache"], cwd=top, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
