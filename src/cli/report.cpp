#include "cli/report.hpp"

#include <map>
#include <utility>

namespace baton::cli {
namespace {

void take_success(TaskReport& report, const core::Success& success) {
  report.attempt = success.attempt;
  report.submitted = success.submitted;
  report.started = success.started;
  report.ended = success.ended;
  report.exit_code = 0;
  report.log = success.log;
  report.outputs = success.products;
}

}  // namespace

TaskReport report_of(const TaskView& task) {
  const auto& record = task.record;
  TaskReport report{.node = task.node,
                    .state = record.state,
                    .reasons = record.reasons,
                    .reused = record.reused,
                    .attempt = record.attempt,
                    .submitted = record.submitted,
                    .started = record.started,
                    .ended = record.ended,
                    .exit_code = record.exit_code,
                    .log = record.log,
                    .errors = record.errors,
                    .progress = task.progress};
  if (record.state != core::State::success || !record.success) return report;
  if (record.reused)
    take_success(report, *record.success);
  else
    report.outputs = record.success->products;
  return report;
}

TaskReport report_of(const NodeView& node, bool simulated) {
  TaskReport report{.node = node.node, .state = node.state};
  const auto& success = simulated ? node.simulated : node.success;
  if (node.state != core::State::success || !success) return report;
  report.reused = true;
  take_success(report, *success);
  return report;
}

std::vector<TaskReport> reports_of(const std::vector<NodeId>& order, const std::vector<TaskView>& tasks,
                                   const std::vector<NodeView>& nodes, bool simulated) {
  std::map<NodeId, const TaskView*> in_run;
  for (const auto& task : tasks) in_run.emplace(task.node, &task);
  std::map<NodeId, const NodeView*> in_project;
  for (const auto& node : nodes) in_project.emplace(node.node, &node);
  std::vector<TaskReport> reports;
  reports.reserve(order.size());
  for (const auto& id : order) {
    const auto task = in_run.find(id);
    const auto node = in_project.find(id);
    if (task != in_run.end())
      reports.push_back(report_of(*task->second));
    else if (node != in_project.end())
      reports.push_back(report_of(*node->second, simulated));
    else
      reports.push_back({.node = id});
  }
  return reports;
}

}  // namespace baton::cli
