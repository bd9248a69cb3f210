"""Lines and files as meters store them on their cards."""

from datetime import datetime, timedelta

LEQ_HEADER = (
    "Address,Start Time,Measurement Time,Leq(Main),LE(Main),Lmax(Main),Lmin(Main),LN1(Main),LN2(Main),LN3(Main),"
    "LN4(Main),LN5(Main),Lpeak(Main),Over(Main),Under(Main)"
)
LP_HEADER = "Address,Start Time,Lp(Main),Leq(Main),Lmax(Main),Lmin(Main),Lpeak(Main),Over(Main),Under(Main)"
BAND_NAMES = "12.5 Hz,16 Hz,1 kHz,20 kHz"


def at(hour: int, minute: int, second: int, fraction: float = 0.0) -> datetime:
    return datetime(2025, 12, 23, hour, minute, second, round(fraction * 1e6))  # noqa: DTZ001 - the meter has no zone


def leq_line(number: int, leq: str = " 43.7") -> str:
    starts = at(19, 41, 12) + timedelta(minutes=number - 1)
    return (
        f"{number:5d},{starts:%Y/%m/%d %H:%M:%S},00d 00:01:00.0,{leq}, 61.5, 44.1, 43.4, 44.2, 44.2, 43.7, 43.4, 43.3,"
        f" 59.{number % 10},0,0"
    )


def lp_line(number: int, starts: datetime, time_form: str = "%Y/%m/%d %H:%M:%S") -> str:
    return f"{number:5d},{starts:{time_form}}, 50.{number % 10}, 51.0, 52.0, 49.0, 65.0,0,0"


def text(*lines: str, end: str = "\r\n") -> bytes:
    return "".join(line + end for line in lines).encode()


def block(number: int) -> list[str]:
    starts = at(13, 40, 0) + timedelta(minutes=10 * (number - 868))
    rows = [f"{name},  -.-, {level},  39.8,  8.0, 12.8, 16.5, 0.9," for name, level in BLOCK_LEVELS]
    return [
        f"Address, {number:5d}",
        f"Start Time,{starts:%Y/%m/%d %H:%M:%S}",
        "Measurement Time,00d 00:10:00.0",
        f",Sub,Main,Partial Over All,{BAND_NAMES},",
        *rows,
        "Lpeak,  -.-, 77.7,  -.-,",
        "Over,-,0,-,",
        "Under,-,1,-,",
    ]


BLOCK_LEVELS = [
    *(("Leq", "47.1"), ("LE", "74.9"), ("Lmax", "60.2"), ("Lmin", "31.0")),
    *(("LN1", "52.0"), ("LN2", "50.0"), ("LN3", "44.0"), ("LN4", "38.0"), ("LN5", "36.5")),
]
BLOCK_LINES = list(enumerate(block(1)))

LEQ_FILE = text("CSV", LEQ_HEADER, *(leq_line(number) for number in range(1, 5)))
