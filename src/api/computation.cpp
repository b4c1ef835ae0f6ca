#include "api/computation.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/time_text.hpp"
#include "wire/views.hpp"

namespace baton::api {
namespace {

using nlohmann::json;

/// `errors` as the reference has them (C§5.7); null where there are none.
json errors_of(const std::vector<Error>& errors, const ProjectId& project, const NodeId& node) {
  if (errors.empty()) return nullptr;
  auto list = json::array();
  for (const auto& error : errors)
    list.push_back({{"loc", json::array({project.value(), node.value()})}, {"msg", error.what}, {"type", error.code}});
  return list;
}

/// A node that succeeded is done, whether or not it ever told of progress.
json progress_of(core::State state, std::optional<double> told) {
  if (state == core::State::success) return 1.0;
  return told ? json(*told) : json(nullptr);
}

json node_state(core::State state, bool modified, json dependencies) {
  return {{"modified", modified},
          {"dependencies", std::move(dependencies)},
          {"currentStatus", core::to_text(state)},
          {"progress", progress_of(state, std::nullopt)},
          {"lock_state", nullptr},
          {"errors", nullptr}};
}

/// Without looking at files: whether a node would run by what is recorded of it.
bool is_modified(const NodeView& node) {
  return !node.success || node.state == core::State::failed || node.state == core::State::aborted;
}

}  // namespace

awaitable<Result<json>> details_of_run(Place& place, ProjectId project, std::optional<RunView> run) {
  const auto nodes = co_await place.store.nodes(project);
  if (!nodes) co_return fail(nodes.error());
  json details{{"adjacency_list", json::object()}, {"progress", nullptr}, {"node_states", json::object()}};
  auto& adjacency = details["adjacency_list"];
  auto& states = details["node_states"];
  for (const auto& node : *nodes) states[node.node.value()] = node_state(node.state, is_modified(node), json::array());
  if (!run) co_return details;

  const auto definition = co_await place.store.definition(run->key);
  if (!definition && definition.error().code == "store.foreign")
    co_return details;  // nobody has read yet what it is, or ever will
  if (!definition) co_return fail(definition.error());
  const auto tasks = co_await place.store.tasks(run->key, Fence::none());
  if (!tasks) co_return fail(tasks.error());
  const auto& defined = (*definition)->tasks;
  for (const auto& task : defined) adjacency[task.node.id.value()] = json::array();
  double done = 0;
  for (const auto& task : *tasks) {
    const auto state = task.record.state;
    auto dependencies = json::array();
    for (const auto before : core::predecessors(defined[task.record.task].node)) {
      const auto& name = defined[before].node.id.value();
      adjacency[name].push_back(task.node.value());
      if ((*tasks)[before].record.state != core::State::success) dependencies.push_back(name);
    }
    // Of an older run its tasks are told as they ended there, whatever newer ones made of them.
    auto told = node_state(state, state != core::State::success, std::move(dependencies));
    told["progress"] = progress_of(state, task.progress);
    told["errors"] = errors_of(task.record.errors, project, task.node);
    if (told["progress"].is_number()) done += told["progress"].get<double>();
    states[task.node.value()] = std::move(told);
  }
  if (!tasks->empty()) details["progress"] = std::clamp(done / static_cast<double>(tasks->size()), 0.0, 1.0);
  co_return details;
}

json details_of_plan(const core::Project& project, const core::Plan& plan, const std::vector<NodeView>& nodes) {
  std::map<std::string_view, core::State> known;
  for (const auto& node : nodes) known.emplace(node.node.value(), node.state);
  const auto runs = [&](Index i) { return !plan.reasons[i].empty(); };
  auto adjacency = json::object();
  auto states = json::object();
  for (const auto i : plan.nodes) adjacency[project.nodes[i].id.value()] = json::array();
  for (Index i = 0; i < project.nodes.size(); ++i) {
    const auto& name = project.nodes[i].id.value();
    auto dependencies = json::array();
    for (const auto before : core::predecessors(project.nodes[i])) {
      if (!runs(before)) continue;
      dependencies.push_back(project.nodes[before].id.value());
      if (runs(i)) adjacency[project.nodes[before].id.value()].push_back(name);
    }
    const bool modified = std::ranges::any_of(
        plan.reasons[i], [](const core::Reason& reason) { return reason.kind != core::ReasonKind::upstream_runs; });
    const auto state = known.find(name);
    states[name] = node_state(state == known.end() ? core::State::not_started : state->second, modified, std::move(dependencies));
  }
  const auto progress = plan.nodes.empty() ? json(nullptr) : json(0.0);
  return {{"adjacency_list", std::move(adjacency)}, {"progress", progress}, {"node_states", std::move(states)}};
}

json computation(const Call& call, UserId user, const ProjectId& project, const std::optional<RunView>& run, json details) {
  const auto path = (call.host.empty() ? std::string() : "http://" + call.host) + "/v2/computations/" + project.value();
  const auto query = "?user_id=" + std::to_string(user.value());
  json told{{"id", project.value()}, {"state", core::to_text(run ? run->record.result : core::State::not_started)},
            {"result", nullptr},     {"pipeline_details", std::move(details)},
            {"iteration", nullptr},  {"submitted", nullptr},
            {"started", nullptr},    {"stopped", nullptr},
            {"url", path + query},   {"stop_url", nullptr},
            {"run", nullptr}};
  if (!run) return told;
  told["iteration"] = run->key.iteration.value();
  told["submitted"] = core::to_text(run->record.created);
  told["started"] = wire::json_of(run->record.started);
  told["stopped"] = wire::json_of(run->record.ended);
  told["run"] = wire::json_of(*run);
  if (core::is_running(run->record.result)) told["stop_url"] = path + ":stop" + query;
  return told;
}

}  // namespace baton::api
