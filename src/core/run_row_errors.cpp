#include <set>

#include "core/run_row.hpp"

namespace baton::core {
namespace {

bool links_within(const Node& node, std::size_t count) {
  for (const auto before : node.after)
    if (before >= count) return false;
  for (const auto& input : node.inputs) {
    const auto* from = std::get_if<From>(&input.source);
    if (from == nullptr) continue;
    for (const auto& source : from->sources)
      if (!source.given && source.node >= count) return false;
  }
  return true;
}

Error bad_run(std::string what, std::string where) {
  return {.code = "store.bad_run", .what = std::move(what), .where = std::move(where), .way_out = {}};
}

}  // namespace

std::optional<Error> check_new_run(const RunUuid& uuid, const std::vector<TaskDefinition>& tasks,
                                   const std::vector<NodeId>& project_nodes) {
  if (uuid.value().empty()) return bad_run("the run has no uuid", {});
  if (tasks.empty()) return bad_run("the run has no task", {});
  const std::set<NodeId> nodes(project_nodes.begin(), project_nodes.end());
  if (nodes.size() != project_nodes.size()) return bad_run("the project names a node twice", {});
  std::set<NodeId> seen;
  for (const auto& task : tasks) {
    const auto& id = task.node.id.value();
    if (!task.node.step) return bad_run("task '" + id + "' has no step", id);
    if (!nodes.contains(task.node.id)) return bad_run("task '" + id + "' is not a node of the project", id);
    if (!seen.insert(task.node.id).second) return bad_run("task '" + id + "' is there twice", id);
    if (!links_within(task.node, tasks.size())) return bad_run("task '" + id + "' is linked to a task that is not there", id);
  }
  return std::nullopt;
}

Error run_exists(const RunKey& unfinished) {
  return {.code = "store.run_exists",
          .what = "run " + std::to_string(unfinished.iteration.value()) + " of project '" + unfinished.project.value() +
                  "' has not ended yet",
          .where = to_text(unfinished),
          .way_out = "wait for its end, or cancel it"};
}

Error collection_exists(const RunKey& run) {
  return {
      .code = "store.run_exists",
      .what = "this request has begun run " + std::to_string(run.iteration.value()) + " of project '" + run.project.value() + "'",
      .where = to_text(run),
      .way_out = "follow that run; a new request needs a new collection_run_id"};
}

Error project_not_found(const ProjectId& project) {
  return {.code = "store.not_found",
          .what = "there is no project '" + project.value() + "'",
          .where = project.value(),
          .way_out = "make it first: PUT /v2/projects/" + project.value()};
}

Error project_of_another(const ProjectId& project) {
  return {.code = "store.not_yours",
          .what = "the project '" + project.value() + "' is another user's",
          .where = project.value(),
          .way_out = "use another project id"};
}

Error run_not_found(const RunKey& run) {
  return {.code = "store.not_found",
          .what = "project '" + run.project.value() + "' has no run " + std::to_string(run.iteration.value()),
          .where = to_text(run),
          .way_out = {}};
}

Error run_is_foreign(const RunKey& run) {
  return {.code = "store.foreign",
          .what = "run " + to_text(run) + " was made by another program, and is not adopted",
          .where = to_text(run),
          .way_out = "start it here"};
}

Error run_fenced(const RunKey& run, bool pending) {
  return {
      .code = "store.fenced", .what = "a newer pass owns run " + to_text(run), .where = pending ? "pending" : "", .way_out = {}};
}

Error pass_refused(Begun why, const RunKey& run, const RunRow& row, Instant now) {
  const auto name = "run " + to_text(run);
  if (why == Begun::ended) return {.code = "store.ended", .what = name + " has ended", .where = to_text(run), .way_out = {}};
  if (why == Begun::held) {
    return {.code = "store.held",
            .what = name + " is held: " + std::to_string(failures_max) + " passes in a row failed; " + row.last_failure,
            .where = to_text(run),
            .way_out = "cancel it, or release it from quarantine"};
  }
  BATON_ASSERT(why == Begun::backing_off && row.wake_at);
  return {.code = "store.backing_off",
          .what = name + " waits after " + std::to_string(row.failures) + " failed passes",
          .where = std::to_string((*row.wake_at - now).count()),
          .way_out = {}};
}

}  // namespace baton::core
