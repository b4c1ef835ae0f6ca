/// A server's insides without sockets: handlers over the store in memory, nobody working on the runs.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "api/router.hpp"
#include "api/watcher.hpp"
#include "files/posix/posix_files.hpp"
#include "queue/memory/memory_queue.hpp"
#include "runtime/asio/asio_runtime.hpp"
#include "store/memory/memory_store.hpp"

namespace baton::api::test {

using nlohmann::json;

inline constexpr auto project_id = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
inline constexpr auto start_id = "11111111-2222-4333-8444-555555555555";

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = std::filesystem::temp_directory_path() / "baton-api-XXXXXX";
    path_ = std::filesystem::canonical(::mkdtemp(name.data())).string();
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name, const std::string& content) const {
    const auto path = std::filesystem::path(path_) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
    return path.string();
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

class House {
 public:
  TemporaryFolder folder;
  AsioRuntime runtime;
  MemoryStore store{[this] { return runtime.wall(); }};
  MemoryBroker broker{[this] { return runtime.steady(); }};
  MemoryQueue queue{broker, runtime};
  PosixFiles files{runtime};
  Wakeups wakeups{runtime, store, queue};
  Watcher watcher{runtime, store};
  Health health;
  Place place{.runtime = runtime,
              .store = store,
              .files = files,
              .wakeups = wakeups,
              .watcher = watcher,
              .host = {},
              .data = {folder.path() + "/data"},
              .state = folder.path() + "/state",
              .health = [this] { return health; },
              .metrics = [] { return std::string("baton_up 1\n"); }};

  House() { std::filesystem::create_directories(folder.path() + "/data"); }
  ~House() {
    watcher.stop();
    runtime.run();  // what wakes, and what follows, leaves
  }
  House(const House&) = delete;
  House& operator=(const House&) = delete;

  Answer ask(std::string method, const std::string& target, const json& body = nullptr) {
    auto call = call_of(std::move(method), target);
    if (!call) return {.status = 400};
    if (!body.is_null()) {
      call->body = body.dump();
      call->content_type = "application/json";
    }
    return ask(std::move(*call));
  }
  Answer ask(Call call) {
    Answer answered;
    runtime.run(ask_into(place, std::move(call), answered));
    return answered;
  }
  Answer put(const std::string& pipeline, const json& params = json::object()) {
    return ask("PUT", std::string("/v2/projects/") + project_id,
               {{"user_id", 1},
                {"name", "hello"},
                {"pipeline", pipeline},
                {"file", folder.path() + "/data/p.yaml"},
                {"params", params}});
  }
  Answer start(json more = json::object()) {
    more.update({{"user_id", 1}, {"project_id", project_id}, {"start_pipeline", true}});
    if (!more.contains("collection_run_id")) more["collection_run_id"] = start_id;
    return ask("POST", "/v2/computations", more);
  }
  static std::string at(const std::string& rest) { return std::string("/v2/computations/") + project_id + rest; }
  [[nodiscard]] static core::RunKey run(std::int64_t iteration = 1) {
    return {UserId(1), ProjectId(project_id), Iteration(iteration)};
  }

  /// One pass that commits: each task gets this record.
  template <class Change>
  void pass(Change change, core::State result, std::vector<core::Announcement> news = {}) {
    runtime.run(commit_one(store, run(), std::move(change), result, std::move(news)));
  }
  static awaitable<void> key_of_first(MemoryStore& store, core::Key& into) {
    const auto definition = co_await store.definition(run());
    if (definition) into = (*definition)->tasks.at(0).key;
  }
  static awaitable<void> definition(MemoryStore& store, std::shared_ptr<const core::RunDefinition>& into) {
    auto found = co_await store.definition(run());
    if (found) into = std::move(*found);
  }
  static awaitable<void> outbox(MemoryStore& store, std::vector<Outgoing>& into) {
    auto found = co_await store.outbox(core::Duration(0), 10);
    if (found) into = std::move(*found);
  }

 private:
  static awaitable<void> ask_into(Place& place, Call call, Answer& answered) {
    answered = co_await answer(place, std::move(call));
  }
  template <class Change>
  static awaitable<void> commit_one(MemoryStore& store, core::RunKey run, Change change, core::State result,
                                    std::vector<core::Announcement> news) {
    BeginPass begin{.run = run, .replica = ReplicaId("r")};
    auto ticket = co_await store.begin_pass(std::move(begin));
    BATON_ASSERT(ticket.has_value());
    core::Decision decision{.result = result, .started = ticket->now, .announcements = std::move(news)};
    if (core::is_final(result)) decision.ended = ticket->now;
    for (auto& task : ticket->tasks) {
      change(task, ticket->now);
      decision.tasks.push_back(task);
    }
    const auto committed = co_await store.commit(std::move(*ticket), std::move(decision));
    BATON_ASSERT(committed.has_value());
  }
};

inline json body_of(const Answer& answer) { return json::parse(answer.body, nullptr, false); }
inline std::string code_of(const Answer& answer) {
  const auto body = body_of(answer);
  if (!body.is_object() || !body.contains("errors")) return "no error: " + answer.body;
  return body["errors"][0]["code"].get<std::string>();
}
inline std::string header_of(const Answer& answer, const std::string& name) {
  for (const auto& [key, value] : answer.headers)
    if (key == name) return value;
  return {};
}

inline constexpr auto two_steps = R"(baton: 1
nodes:
  one:
    label: the first
    run: "true"
    outputs: {n: {value: integer}}
  two:
    run: "true"
    inputs: {n: {from: one.n}}
    outputs: {m: {value: integer}}
)";

}  // namespace baton::api::test
