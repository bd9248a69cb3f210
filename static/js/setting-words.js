// What the settings of a meter are called; the meter's own name stands beside it. Pure.

import { t } from "./words.js";

export const settingName = (member) =>
  ({
    frequency_weighting: t("Frequency weighting"),
    time_weighting: t("Time weighting"),
    measurement_time: t("Measurement time (manual)"),
    measurement_time_auto: t("Measurement time (auto)"),
    leq_interval: t("Leq interval on the card"),
    lp_interval: t("Lp interval on the card"),
    store_mode: t("Store mode"),
    percentile_1: t("Percentile {n}", { n: 1 }),
    percentile_2: t("Percentile {n}", { n: 2 }),
    percentile_3: t("Percentile {n}", { n: 3 }),
    percentile_4: t("Percentile {n}", { n: 4 }),
    percentile_5: t("Percentile {n}", { n: 5 }),
    sleep_mode: t("Sleep mode"),
    measurement_state: t("Measuring"),
    index_number: t("Store name"),
    file_index_number: t("Index number"),
    battery_level: t("Battery"),
    clock: t("Clock"),
    ftp_status: t("FTP"),
  })[member] ?? member;

// Meters differ in case and write 5 or 5.0.
export function isSame(one, other) {
  if (one == null || other == null) return false;
  const [a, b] = [one.trim().toLowerCase(), other.trim().toLowerCase()];
  return a === b || (a !== "" && b !== "" && Number(a) === Number(b));
}

export const couldNotBeRead = (value) => value?.startsWith("Error") ?? false;
