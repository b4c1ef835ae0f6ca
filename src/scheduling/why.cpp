#include "scheduling/why.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "core/run.hpp"

namespace baton {
namespace {

/// A run as scheduling knows it, for core::explain.
awaitable<Result<core::Run>> run_as_known(Store& store, RunView view) {
  core::Ticket ticket{.run = view.id, .fence = view.fence, .record = view.record};
  auto definition = co_await store.definition(view.key);
  if (!definition) co_return fail(definition.error());
  const auto tasks = co_await store.tasks(view.key, Fence::none());
  if (!tasks) co_return fail(tasks.error());
  ticket.definition = std::move(*definition);
  for (const auto& task : *tasks) ticket.tasks.push_back(task.record);
  core::Run run;
  run.apply(ticket);
  co_return run;
}

/// The newest run, and where its tasks stand in it.
struct Newest {
  core::Run run;
  bool unfinished = false;
  std::map<NodeId, Index> tasks;
};

awaitable<Result<std::optional<Newest>>> newest_of(Store& store, ProjectId project) {
  const auto views = co_await store.runs(std::move(project), 1);
  if (!views) co_return fail(views.error());
  if (views->empty()) co_return std::optional<Newest>{};
  const auto view = views->front();
  auto run = co_await run_as_known(store, view);
  if (!run && run.error().code == "store.foreign") co_return std::optional<Newest>{};
  if (!run) co_return fail(run.error());
  Newest newest{.run = std::move(*run), .unfinished = !core::is_final(view.record.result)};
  for (Index i = 0; i < newest.run.size(); ++i) newest.tasks.emplace(newest.run.definition_of(i).node.id, i);
  co_return std::optional(std::move(newest));
}

/// What the newest run has to add of a task that is to run again: what went wrong, and where it wrote.
void add_last_try(core::Lines& lines, const core::Lines& last) {
  const auto has = [&](core::Topic topic) {
    return std::ranges::any_of(lines, [&](const core::Line& line) { return line.topic == topic; });
  };
  for (const auto topic : {core::Topic::error, core::Topic::log}) {
    if (has(topic)) continue;
    for (const auto& line : last)
      if (line.topic == topic) lines.push_back(line);
  }
}

}  // namespace

awaitable<Result<std::vector<core::Explained>>> explain_nodes(Store& store, Files& files, const Request& request,
                                                              std::vector<Index> nodes, core::Instant now) {
  const auto newest = co_await newest_of(store, request.id);
  if (!newest) co_return fail(newest.error());
  const auto planned = co_await plan_request(store, files, request);
  if (!planned) co_return fail(planned.error());
  std::vector<core::Explained> explained;
  for (const auto node : nodes) {
    const auto& id = request.project.nodes[node].id;
    const auto task = *newest ? (*newest)->tasks.find(id) : decltype(Newest::tasks)::const_iterator{};
    const bool in_run = *newest && task != (*newest)->tasks.end();
    if (in_run && (*newest)->unfinished) {
      explained.push_back({id, core::explain((*newest)->run, task->second, now)});
      continue;
    }
    auto lines = core::explain(request.project, planned->facts, planned->plan, node);
    if (in_run) add_last_try(lines, core::explain((*newest)->run, task->second, now));
    explained.push_back({id, std::move(lines)});
  }
  co_return explained;
}

}  // namespace baton
