/// Times as text. Reads no clock.
#pragma once

#include <string>

#include "core/model.hpp"

namespace baton::core {

/// ISO 8601, UTC, with microseconds: `2026-01-02T03:04:05.000006Z`, as JSON has it.
[[nodiscard]] std::string to_text(Instant time);
/// For people, in at most two units, rounded down: `340 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d`. Negative ones are `0 ms`.
[[nodiscard]] std::string to_text(Duration duration);

}  // namespace baton::core
