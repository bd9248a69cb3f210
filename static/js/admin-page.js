// The first page of the administration: nothing live but how many alerts wait.

import { AlertBadge } from "./alert-badge.js";

new AlertBadge();
