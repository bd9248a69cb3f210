// What a diagnosis found and what cures it, in the reader's language; the service's own sentence, which is English and has the figures, stands beside it.

import { t } from "./words.js";

const FOUND = {
  answers: t("The meter answers."),
  deactivated: t("The unit is left alone on request. Activate it to read it again."),
  tcp_disabled: t("TCP is switched off for this unit. Switch it on to read it."),
  standby: t("The service is in standby and holds no connections. Resume it."),
  transfer: t("A transfer holds the meter; its control port may be mute meanwhile. Wait for its end."),
  unresolved: t("The name of the unit cannot be resolved. Check its host name."),
  no_route: t("There is no way to the meter. Check the network, the VPN or the modem."),
  wedged: t("The control port is wedged: it refuses connections while FTP answers. Only switching the meter off and on cures it; it goes on measuring and storing."),
  refused: t("The address refuses connections, and so does FTP. Is it the right address? Is TCP switched on at the meter, and USB communication off?"),
  held_by_other: t("The meter takes the connection, but answers nothing: another program probably holds its only slot. Close that, then reconnect."),
  cut_off: t("The meter begins to answer, but the connection breaks in the middle of the reply. Check the signal of the modem and whatever stands in between, such as a VPN."),
  nonsense: t("What answers there does not speak the language of an NL-43. Is it the right address and port?"),
  asleep: t("The meter does not answer, and its sleep mode was on. Press a key at it, or wait for its next measurement; then switch the sleep mode off."),
  control_silent: t("The control port does not answer, but FTP does. Is the port forwarded by the modem? Else another program may hold the meter."),
  silent: t("The meter does not answer: it is off, asleep, or its modem is offline. Check power and modem; a reset of the modem often helps."),
  clock_off: t("The meter's clock is wrong. Set it while nothing is measured; whole hours mean that the unit's time zone is wrong."),
  sleep_mode_on: t("The sleep mode is on: the meter may drop off the network. Switch it off on a meter that is read remotely."),
  web_active: t("The web app is on; it switches TCP and FTP off. Switch it off at the meter."),
  ftp_active: t("FTP is on; anybody with its password can fetch files. Switch it off when nothing is to be fetched."),
  stopped_by_itself: t("The measurement ended, and nobody stopped it from here. Its time may be over, the card full, or somebody was at the meter. Start it again if need be."),
  sd_low: t("The SD card is nearly full. Fetch what is on it and clear it, or change the card."),
  battery_low: t("The battery is nearly empty. Change it, or see why the meter is not on external power."),
  settings_changed: t("Settings differ from what is expected. Put them back, or accept them as the right ones."),
};

export const foundWords = (code) => FOUND[code] ?? "";
