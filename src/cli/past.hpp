/// What a state directory says of a project: read only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/run.hpp"
#include "ports/runtime.hpp"
#include "ports/store.hpp"

namespace baton::cli {

/// The newest run, if there is one.
awaitable<Result<std::optional<RunView>>> newest_run(Records& store, ProjectId project);
/// Times and counts of a run's tasks by state: `SUCCESS 3, FAILED 1`.
[[nodiscard]] std::string counts_text(const std::vector<TaskView>& tasks);

}  // namespace baton::cli
