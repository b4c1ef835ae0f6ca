#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <optional>
#include <utility>

#include "api/body.hpp"
#include "api/find_run.hpp"
#include "api/handlers.hpp"
#include "formats/nearest.hpp"

namespace baton::api {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t chunk_bytes_max = std::size_t{1} << 20U;
constexpr std::size_t runs_searched_max = 1000;

Error no_log(const NodeId& node) {
  return {.code = "log.none",
          .what = "nothing was written for " + formats::quote(node.value()),
          .where = node.value(),
          .way_out = {}};
}
Error elsewhere(const std::string& path) {
  return {.code = "log.elsewhere",
          .what = "this log is not on this server's host",
          .where = path,
          .way_out = "ask the replica of the host where the task ran"};
}

struct Chunk {
  std::string bytes;
  std::int64_t size = 0;  ///< of the file, when it was read
};

/// Jobs write below the state directory: no link of theirs may lead out of it.
Result<std::optional<Chunk>> read_chunk(const std::string& state, const std::string& path, std::int64_t from) {
  std::error_code wrong;
  const auto root = fs::weakly_canonical(state, wrong).string();
  const auto folder = fs::weakly_canonical(fs::path(path).parent_path(), wrong).string();
  if (wrong || state.empty() || !(folder + "/").starts_with(root + "/")) return fail(elsewhere(path));
  const auto real = (fs::path(folder) / fs::path(path).filename()).string();
  const int file = ::open(real.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0 && errno == ENOENT) return std::optional<Chunk>();
  if (file < 0)
    return fail(
        {.code = "log.unreadable", .what = std::string("the log cannot be read: ") + std::strerror(errno), .where = path});
  struct stat status{};
  Chunk chunk;
  if (::fstat(file, &status) == 0 && S_ISREG(status.st_mode)) chunk.size = status.st_size;
  const auto wanted = std::clamp<std::int64_t>(chunk.size - from, 0, chunk_bytes_max);
  chunk.bytes.resize(static_cast<std::size_t>(wanted));
  std::size_t done = 0;
  while (done < chunk.bytes.size()) {
    const auto got = ::pread(file, chunk.bytes.data() + done, chunk.bytes.size() - done,
                             static_cast<off_t>(from + static_cast<std::int64_t>(done)));
    if (got <= 0) break;
    done += static_cast<std::size_t>(got);
  }
  chunk.bytes.resize(done);
  ::close(file);
  return std::optional(std::move(chunk));
}

/// Whose log is wanted: where it is, and whether more may come.
struct Source {
  std::string path;
  bool ended = false;
};

awaitable<Result<std::optional<TaskView>>> task_of(Store& store, core::RunKey run, NodeId node) {
  auto tasks = co_await store.tasks(std::move(run), Fence::none());
  if (!tasks) co_return fail(tasks.error());
  for (auto& task : *tasks)
    if (task.node == node) co_return std::optional(std::move(task));
  co_return std::optional<TaskView>();
}

/// The newest run that had the node.
awaitable<Result<std::optional<RunView>>> run_with(Store& store, ProjectId project, NodeId node) {
  const auto nodes = co_await store.nodes(project);
  if (!nodes) co_return fail(nodes.error());
  const auto view = std::ranges::find(*nodes, node, &NodeView::node);
  if (view == nodes->end() || !view->run) co_return std::optional<RunView>();
  auto runs = co_await store.runs(std::move(project), runs_searched_max);
  if (!runs) co_return fail(runs.error());
  for (auto& run : *runs)
    if (run.id == *view->run) co_return std::optional(std::move(run));
  co_return std::optional<RunView>();
}

awaitable<Result<Source>> source_of(Place& place, About about, NodeId node, std::optional<std::int64_t> attempt) {
  auto run = co_await find_run(place, about);
  if (!run) co_return fail(run.error());
  if (!about.iteration) run = co_await run_with(place.store, about.project, node);
  if (!run) co_return fail(run.error());
  if (!*run || (*run)->key.user != about.user) co_return fail(no_log(node));
  const auto key = (*run)->key;
  const auto task = co_await task_of(place.store, key, node);  // before its log: what has ended by now has written all
  if (!task) co_return fail(task.error());
  if (!*task) co_return fail(no_log(node));
  const auto& record = (*task)->record;
  if (!attempt || *attempt == record.attempt) {
    const bool kept = record.log.empty() && record.success;
    co_return Source{.path = kept ? record.success->log : record.log, .ended = core::is_final(record.state)};
  }
  const auto attempts = co_await place.store.attempts(key, node);
  if (!attempts) co_return fail(attempts.error());
  const auto found = std::ranges::find(*attempts, *attempt, &core::AttemptRecord::attempt);
  if (found == attempts->end()) co_return fail(no_log(node));
  co_return Source{.path = found->log, .ended = true};
}

}  // namespace

awaitable<Result<Answer>> read_log(Place& place, Call call) {
  const auto about = about_of(call);
  if (!about) co_return fail(about.error());
  const auto from = number_of(call, "from", 0, std::numeric_limits<std::int64_t>::max() / 2);
  if (!from) co_return fail(from.error());
  const auto attempt = number_of(call, "attempt", 1, std::numeric_limits<std::int32_t>::max());
  if (!attempt) co_return fail(attempt.error());
  const NodeId node(call.names.at("node"));
  const auto source = co_await source_of(place, *about, node, *attempt);
  if (!source) co_return fail(source.error());
  if (source->path.empty()) co_return fail(no_log(node));

  const auto begin = from->value_or(0);
  Result<std::optional<Chunk>> chunk;
  co_await place.runtime.blocking(Runtime::Lane::files, [&] { chunk = read_chunk(place.state, source->path, begin); });
  if (!chunk) co_return fail(chunk.error());
  if (!*chunk) co_return fail(no_log(node));
  const auto next = begin + static_cast<std::int64_t>((*chunk)->bytes.size());
  Answer answer{.status = 200, .body = std::move((*chunk)->bytes), .content_type = "application/octet-stream"};
  answer.headers.emplace_back("Baton-Log-Next", std::to_string(next));
  if (next < (*chunk)->size || !source->ended) answer.headers.emplace_back("Baton-Log-More", "1");
  co_return answer;
}

}  // namespace baton::api
