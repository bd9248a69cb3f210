// Requests to the REST interface; a problem becomes an Error with its sentence, the fields it names and its status.

import { problemSentence } from "./problem-words.js";
import { t } from "./words.js";

export async function call(path, { method = "GET", body, clock } = {}) {
  const options = { method };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  let answer;
  try {
    answer = await fetch(`/api/nl43${path}`, options);
  } catch {
    throw new Error(t("the service does not answer"));
  }
  const date = answer.headers.get("Date");
  // The header has whole seconds, cut off: a bound, until a frame tells the time to the millisecond.
  if (clock && date) clock.heard(Date.parse(date));
  const data = await answer.json().catch(() => ({}));
  if (!answer.ok) {
    const error = new Error(problemSentence(data, answer.status));
    throw Object.assign(error, { fields: data.errors ?? [], status: answer.status });
  }
  return data;
}
