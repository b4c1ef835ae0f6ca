/// What a pass has to tell the world: the words of the topics (C§7), without their wire.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/ids.hpp"
#include "core/model.hpp"
#include "core/states.hpp"

namespace baton::core {

enum class Told : std::uint8_t {
  run_result,    ///< the run's result has changed
  task_started,  ///< a job runs: use is counted from now on
  task_stopped,  ///< its attempt has ended: use is counted no more
  run_log        ///< a line of the project's log
};
[[nodiscard]] std::string_view to_text(Told told);
[[nodiscard]] std::optional<Told> told_from(std::string_view text);

struct Announcement {
  Told what = Told::run_result;
  std::optional<Index> task;       ///< with task_started and task_stopped
  State state = State::published;  ///< the run's result, or the task's state
  std::int32_t attempt = 0;
  bool platform_ok = true;  ///< task_stopped: false = the platform's fault, not billed
  Resources resources;      ///< task_started: what its step declares
  std::string text;         ///< run_log
  std::int32_t level = 20;  ///< run_log: 20 INFO, 30 WARNING, 40 ERROR
  Instant at{};             ///< the store's clock
  bool operator==(const Announcement&) const = default;
};

}  // namespace baton::core
