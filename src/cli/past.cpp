#include "cli/past.hpp"

#include <map>
#include <utility>

namespace baton::cli {

awaitable<Result<std::optional<RunView>>> newest_run(Records& store, ProjectId project) {
  auto runs = co_await store.runs(std::move(project), 1);
  if (!runs) co_return fail(runs.error());
  if (runs->empty()) co_return std::optional<RunView>{};
  co_return std::optional(std::move(runs->front()));
}

std::string counts_text(const std::vector<TaskView>& tasks) {
  std::map<core::State, std::size_t> counts;
  for (const auto& task : tasks) ++counts[task.record.state];
  std::string text;
  for (const auto& [state, count] : counts)
    text += (text.empty() ? "" : ", ") + std::string(core::to_text(state)) + " " + std::to_string(count);
  return text;
}

}  // namespace baton::cli
