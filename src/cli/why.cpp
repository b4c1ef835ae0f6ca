#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "cli/commands.hpp"
#include "cli/json.hpp"
#include "cli/past.hpp"
#include "core/explain.hpp"
#include "scheduling/start.hpp"

namespace baton::cli {
namespace {

/// The newest run, and where its tasks stand in it.
struct Newest {
  core::Run run;
  bool unfinished = false;
  std::map<NodeId, Index> tasks;
};

awaitable<Result<std::optional<Newest>>> newest_of(Store& store, ProjectId project) {
  const auto view = co_await newest_run(store, std::move(project));
  if (!view) co_return fail(view.error());
  if (!*view) co_return std::optional<Newest>{};
  auto run = co_await run_as_known(store, **view);
  if (!run) co_return fail(run.error());
  Newest newest{.run = std::move(*run), .unfinished = !core::is_final((*view)->record.result)};
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

std::string why_text(const std::vector<Explained>& nodes) {
  std::string text;
  for (const auto& [node, lines] : nodes) {
    text += printable(node.value()) + "\n";
    Table table;
    std::optional<core::Topic> last;
    for (const auto& line : lines) {
      auto shown = printable(line.text);
      shown.erase(shown.find_last_not_of('\n') + 1);
      auto topic = last == line.topic ? std::string() : std::string(core::to_text(line.topic));
      last = line.topic;
      for (std::size_t at = 0; at <= shown.size();) {  // a command of many lines stands below itself
        const auto end = std::min(shown.find('\n', at), shown.size());
        table.add({"  " + std::exchange(topic, std::string()), shown.substr(at, end - at)});
        at = end + 1;
      }
    }
    text += table.text();
  }
  return text;
}

}  // namespace

awaitable<ExitCode> why(Session& session) {
  const auto pipeline = load(session);
  if (!pipeline) co_return tell(session, pipeline.error());
  const auto store = session.house.read(session.places.state);
  if (!store) co_return tell(session, store.error());
  const auto newest = co_await newest_of(**store, session.places.project);
  if (!newest) co_return tell(session, newest.error());
  const Request request{.project = pipeline->project, .user = UserId(1), .id = session.places.project};
  const auto planned = co_await plan_request(**store, session.house.files(), request);
  if (!planned) co_return tell(session, planned.error());

  const auto now = session.house.runtime().wall();
  std::vector<Explained> explained;
  for (const auto node : pipeline->selection.nodes) {
    const auto& id = pipeline->project.nodes[node].id;
    const auto task = *newest ? (*newest)->tasks.find(id) : decltype(Newest::tasks)::const_iterator{};
    const bool in_run = *newest && task != (*newest)->tasks.end();
    if (in_run && (*newest)->unfinished) {
      explained.push_back({id, core::explain((*newest)->run, task->second, now)});
      continue;
    }
    auto lines = core::explain(pipeline->project, planned->facts, planned->plan, node);
    if (in_run) add_last_try(lines, core::explain((*newest)->run, task->second, now));
    explained.push_back({id, std::move(lines)});
  }
  session.terminal.data(session.options.json ? why_json(explained) : why_text(explained));
  co_return ExitCode::good;
}

}  // namespace baton::cli
