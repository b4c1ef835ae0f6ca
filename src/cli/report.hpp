/// A task as people and programs are told of it, wherever it is known from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/plan.hpp"
#include "core/run.hpp"
#include "ports/store.hpp"

namespace baton::cli {

struct TaskReport {
  NodeId node;
  core::State state = core::State::not_started;
  core::Reasons reasons;
  bool reused = false;  ///< not run now: times and outputs are those of the attempt that made them
  std::int32_t attempt = 0;
  std::optional<core::Instant> submitted, started, ended;
  std::optional<std::int32_t> exit_code;
  std::string log;
  core::Products outputs;
  std::vector<Error> errors;
  std::optional<double> progress;
};

/// Of a task that was part of the run.
[[nodiscard]] TaskReport report_of(const TaskView& task);
/// Of a node that was not: its last state and its last success.
[[nodiscard]] TaskReport report_of(const NodeView& node, bool simulated);
/// Every node of `order`, from the run where it has it, else from the project's view, else as never started.
[[nodiscard]] std::vector<TaskReport> reports_of(const std::vector<NodeId>& order, const std::vector<TaskView>& tasks,
                                                 const std::vector<NodeView>& nodes, bool simulated);

}  // namespace baton::cli
