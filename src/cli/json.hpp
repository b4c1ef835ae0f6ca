/// What `--json` prints: one object, as the pipeline format says. Each ends with a line feed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/house.hpp"
#include "cli/report.hpp"

namespace baton::cli {

/// `run` and `status`; none: no run was made. `holder`: only with status.
[[nodiscard]] std::string run_json(const std::optional<RunView>& run, const std::vector<TaskReport>& tasks);
[[nodiscard]] std::string status_json(const std::optional<RunView>& run, const std::vector<TaskReport>& tasks,
                                      const std::optional<Holder>& holder);
struct PastRun {
  RunView run;
  std::vector<TaskView> tasks;
};
[[nodiscard]] std::string history_json(const std::vector<PastRun>& runs);
[[nodiscard]] std::string cancel_json(const std::optional<RunView>& run);
/// `quarantine list`.
[[nodiscard]] std::string held_json(const std::vector<RunView>& runs);
[[nodiscard]] std::string version_json();
[[nodiscard]] std::string error_json(const Error& error);

}  // namespace baton::cli
