"""The words of a report in German."""

from __future__ import annotations

from collections.abc import Mapping

GERMAN: Mapping[str, str] = {
    "decimal sign": ",",
    "weekdays": "Mo Di Mi Do Fr Sa So",
    "months": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "date": "{weekday}, {day}. {month} {year}",
    "date without year": "{weekday}, {day}. {month}",
    # -- head
    "title": "Lärmbericht",
    "day of": "{day}",
    "week of": "Woche {week} von {year}: {first} – {last}",
    "month of": "{month} {year}",
    "local time": "{span}, Ortszeit von {zone} ({offset})",
    "clock change": "Am {day} werden die Uhren von {before} auf {after} gestellt ({offset}); die Dauer ist {hours} h.",
    "not over": "Der Zeitraum ist noch nicht vorbei: Dieser Bericht reicht bis {moment}.",
    "page": "Seite {number} von {count}",
    "made by": "SLMM {version}",
    # -- nothing there
    "empty": "Aus dieser Zeit gibt es keine Pegel.",
    "empty never": "Von diesem Messgerät wurde nie etwas aufgezeichnet.",
    "empty before": "Die Aufzeichnung dieses Messgeräts beginnt am {moment}.",
    "empty after": "Die Aufzeichnung dieses Messgeräts endet am {moment}.",
    "empty gone": (
        "Die Minuten dieser Zeit werden nicht mehr aufbewahrt ({days} Tage): Pegel stammen aus Stunden, und an "
        "Grenzwerten konnten nur ganze Zeiträume beurteilt werden."
    ),
    "empty no run": "Im Zeitraum ist keine Messung dieses Messgeräts bekannt.",
    "empty run": "Im Zeitraum war eine Messung bekannt (siehe unten), doch nichts davon kam an.",
    # -- verdicts
    "verdicts": "Ergebnis",
    "no limit": "Für dieses Messgerät ist kein Grenzwert gesetzt; nichts wurde beurteilt.",
    "verdict ok": "eingehalten",
    "verdict amber": "knapp eingehalten",
    "verdict red": "überschritten",
    "verdict not_judged": "nicht beurteilt",
    "verdict no_data": "keine Daten",
    "verdict not_proven": "nicht nachgewiesen",
    "verdict none": "nicht in Kraft",
    "verdict partly": "teilweise eingehalten",
    "verdict sentence": "{name}: {told}.",
    "limit exceeded": "{exceeded} von {periods} {kind} über dem Grenzwert",
    "limit kept": "in allen {periods} {kind} eingehalten",
    "limit kept of judged": "{judged} von {periods} {kind} beurteilt, davon keine Überschreitung",
    "limit unknown": "von {periods} {kind} war keine Beurteilung möglich",
    "limit none due": "in dieser Zeit war kein Zeitraum fällig",
    "limit not judged": "; {count} nicht beurteilt oder nicht nachgewiesen",
    "limit highest": "; am höchsten {value} dB {label}, {when}, Grenzwert {limit}",
    "limit action": "; {count} über dem Pegel, ab dem Maßnahmen verlangt sind",
    "periods of 1": "Zeitraum",
    "periods of many": "Zeiträumen",
    "windows of 1": "Fenster",
    "windows of many": "Fenstern",
    "limit as recorded": "Mit dem Ausgeschlossenen: {exceeded} von {periods} überschritten{highest}.",
    "limit as recorded highest": ", am höchsten {value} dB",
    "budget": "Von diesen Tagen allein: {days} über {above} dB ({most} im ganzen Projekt erlaubt).",
    # -- chart
    "chart described": (
        "Diagramm: {laeq} als Stufen und {lmax} als dünne Linie über {when}. Höchster {laeq} {highest} dB. Die "
        "Tabelle darunter enthält die Zahlen."
    ),
    "chart excluded": "ausgeschlossen",
    "chart no data": "keine Daten",
    "chart limit": "Grenzwert",
    "chart over": "übersteuert",
    "chart poor": "wenig Daten",
    "chart clocks": "Uhr {change} h",
    # -- periods
    "periods": "Zeiträume",
    "part day": "Tag",
    "part evening": "Abend",
    "part night": "Nacht",
    "part 24h": "24 h",
    "part week": "Woche",
    "part month": "Monat",
    "so far": "bisher",
    "period": "Zeitraum",
    "from until": "Von–bis",
    "date column": "Datum",
    "coverage": "Abdeckung",
    "source": "Quelle",
    "flags": "Merkmale",
    "table of days": "LAeq in dB; Lden ab 07:00; LAFmax und Abdeckung der 24 h ab Mitternacht.",
    "lines of whole": "Insgesamt: {levels}; Abdeckung {coverage}.",
    "excluded part": "Abdeckung {coverage}",
    "data": "Daten",
    "flag over": "übersteuert",
    "flag under": "unterschritten",
    "flag gap": "Lücke",
    "flag paused": "pausiert",
    "flag reset": "neu gestartet",
    "flag weather": "Wetter",
    "flag calibration": "Kalibrierung",
    "flag excluded": "ausgeschlossen",
    "flag spread": "verteilt",
    "struck": (
        "Durchgestrichen: weniger als {least} der Zeit ist bekannt, der Pegel wird gezeigt, aber nicht beurteilt. "
        "> und <: der wahre Pegel ist höher (übersteuert) oder niedriger (unterschritten)."
    ),
    "uncertainty note": (
        "±: erweiterte Unsicherheit (k = 2) dessen, was aus Ablesungen der Anzeige geschätzt und nicht vom Messgerät "
        "integriert wurde."
    ),
    "sd": "SD-Karte",
    "stream": "100-ms-Strom",
    "poll": "Anzeige",
    "mixed": "mehrere",
    "none": "keine",
    "gaps": "Ohne Daten: {gaps}; zusammen {total}.",
    "gaps more": "und {count} kürzere Zeiten",
    "both results": "Ergebnisse mit und ohne das Ausgeschlossene",
    "without excluded": "ohne",
    "with excluded": "mit allem",
    "difference": "Unterschied",
    # -- limits in detail
    "exceedances": "Überschreitungen",
    "when": "Wann",
    "limit": "Grenzwert",
    "what": "Was",
    "exceeded": "überschritten {value} {sign} {limit} dB {label}, {when}, Abdeckung {coverage}",
    "exceeded at least": "überschritten, mindestens {value} {sign} {limit} dB {label}, {when}, Abdeckung {coverage}",
    "exceeded run": "{count} Zeiträume nacheinander; der höchste: {highest}",
    "exceeded windows": "{count} Fenster nacheinander; das höchste: {highest}",
    "periods column": "Zeiträume",
    "calls for measures": "Maßnahmen sind verlangt.",
    "more rows": "{count} weitere sind nicht aufgeführt.",
    "only newest": "Nur die neuesten {count} sind aufgeführt.",
    "with uncertainty": "{value} ± {off}",
    "unjudged": "Nicht beurteilte Zeiträume",
    "unjudged run": "{verdict}, Abdeckung {coverage}{flags}",
    "unjudged run many": "bei {count} {periods}: {verdict}, Abdeckung {coverage} bis {most}{flags}",
    # -- remarks
    "remarks": "Bemerkungen und Ausschlüsse",
    "reason": "Grund",
    "remark": "Bemerkung",
    "who": "Von",
    "excluded mark": "ausgeschlossen",
    "withdrawn": "zurückgezogen von {who} am {moment}",
    "who when": "{who}, {moment}",
    "reason remark": "Bemerkung",
    "reason weather": "Wetter",
    "reason calibration": "Kalibrierung",
    "reason foreign": "Fremdgeräusch",
    "reason fault": "Störung",
    "reason other": "anderes",
    "somebody": "jemand",
    # -- calibrations
    "calibrations": "Kalibrierprüfungen",
    "no calibrations": "Für dieses Messgerät ist keine Kalibrierprüfung aufgezeichnet.",
    "check": "Prüfung",
    "kind before": "vorher",
    "kind after": "nachher",
    "kind check": "zwischendurch",
    "calibrator": "Kalibrator",
    "nominal": "Sollwert",
    "measured": "Gemessen",
    "adjusted": "Justiert auf",
    "deviation": "Abweichung",
    "drift": "Drift",
    "drift since": "{drift} seit {moment}",
    "voids": "schließt {span} aus",
    "outside": "außerhalb des Zeitraums",
    "drift note": "Die Drift wird aufgezeichnet und nie auf Pegel angewendet.",
    # -- runs
    "runs": "Messungen",
    "no runs": "Aus dieser Zeit ist keine Messung aufgezeichnet.",
    "began": "Beginn",
    "ended": "Ende",
    "store": "Speicher",
    "card": "SD-Karte",
    "settings": "Einstellungen",
    "goes on": "läuft noch",
    "or before": "{moment} oder früher",
    "about": "etwa {moment}",
    "card none": "nicht geholt",
    "card wanted": "wird geholt",
    "card partial": "teilweise geholt",
    "card merged": "geholt",
    "card failed": "fehlgeschlagen",
    # -- method
    "method": "Verfahren",
    "instrument": "Messgerät",
    "instrument of": "Rion NL-43 oder NL-53, von SLMM gelesen als Messgerät {unit}; Seriennummer:",
    "weighting": "Bewertung",
    "weighting of": "Frequenz {frequency}, Zeit {time}",
    "weighting of runs": "wie für die Messungen dieser Zeit eingestellt",
    "weighting last known": "wie zuletzt vom Messgerät gelesen; aus dieser Zeit ist keine aufgezeichnet",
    "weighting unknown": "nicht aufgezeichnet; Pegel werden benannt, als wären sie A-bewertet",
    "sources": "Daten",
    "sources none": "keine",
    "averages": "Mittelwerte",
    "averages of": (
        "energetische Mittel über die Zeit, aus der gültige Pegel vorliegen; Zeit ohne Daten ist weder null noch ein "
        "Mittelwert. Übersteuerung, Kalibrierung und Ausgeschlossenes gehören nicht dazu. Einmal am Ende gerundet, "
        "ab der Hälfte aufwärts, auf 0,1 dB; Grenzwerte runden und vergleichen, wie ihr Dokument es sagt."
    ),
    "percentiles": "Perzentile",
    "percentiles of": (
        "{name} ist der Pegel, der in N % der gültigen Zeit überschritten wird, gezählt in Zehntelsekunden aus {base}, "
        "in Klassen von 0,1 dB: die höchste Klasse, in der oder über der mindestens N % der Zeit liegen."
    ),
    "times": "Zeiten",
    "times of": (
        "Ortszeit von {zone}. Ein Zeitraum heißt nach seinem Ende; eine Nacht gehört zu dem Tag, an dem sie beginnt, "
        "ebenso ganze Zeiträume und lauteste Stunden eines Grenzwerts. Tag, Abend und Nacht sind 07–19–23–07."
    ),
    "limits used": "Grenzwerte",
    "limit version": (
        "{name}{scheme}: {label} {comparator} {levels} dB; beurteilt ab einer Abdeckung von {coverage}; {zone}; "
        "Nr. {number}, Fassung {version}"
    ),
    "limit scheme": " ({scheme})",
    "software": "Programm",
    "software of": (
        "SLMM {slmm}, Aufbau {layout} dieses Berichts, Schema der Aufzeichnung {record}, Schema der Datenbank "
        "{database}, Format der Grenzwerte {limit}"
    ),
    "evidence": "Nachweis",
    "sealed": "versiegelt bis Glied {number} vom {moment} UTC: ",
    "sealed check": "; zu prüfen mit slmm verify --head und diesem Hash",
    "not sealed": "noch nicht versiegelt",
    # -- signature
    "place and date": "Ort, Datum",
    "name": "Name",
    "signature": "Unterschrift",
}
