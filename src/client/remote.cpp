#include "client/remote.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <utility>

#include "client/answers.hpp"
#include "client/watch.hpp"
#include "wire/views.hpp"

namespace baton::client {

using wire::json;

namespace {

tl::unexpected<Error> bad_answer(const std::string& why) {
  return fail({.code = "server.bad_answer",
               .what = "an answer of the server cannot be read: " + why,
               .where = {},
               .way_out = "is it a `baton serve` of this version?"});
}

/// The list of that name in an answer.
template <class T>
Result<std::vector<T>> list_in(const json& answer, const char* name, Result<T> (*read)(const json&)) {
  const auto found = answer.is_object() ? answer.find(name) : answer.end();
  if (!answer.is_object() || found == answer.end() || !found->is_array())
    return bad_answer("it has no list '" + std::string(name) + "'");
  std::vector<T> list;
  for (const auto& item : *found) {
    auto one = read(item);
    if (!one) return bad_answer(std::string(name) + ": " + one.error().where + ": " + one.error().what);
    list.push_back(std::move(*one));
  }
  return list;
}

Result<std::optional<RunView>> run_in(const json& answer) {
  const auto found = answer.is_object() ? answer.find("run") : answer.end();
  if (!answer.is_object() || found == answer.end()) return bad_answer("it has no member 'run'");
  if (found->is_null()) return std::optional<RunView>{};
  auto run = wire::run_from(*found);
  if (!run) return bad_answer("run: " + run.error().where + ": " + run.error().what);
  return std::optional(std::move(*run));
}

std::size_t count_in(const json& answer, const char* name) {
  const auto found = answer.find(name);
  return found != answer.end() && found->is_number_unsigned() ? found->get<std::size_t>() : 0;
}

bool is_no_project(const Error& error) { return error.code == "store.not_found"; }

}  // namespace

Remote::Remote(Runtime& runtime, boost::asio::any_io_executor executor, RemoteOptions options)
    : runtime_(runtime),
      executor_(executor),
      options_(std::move(options)),
      patience_(options_.servers.size(), options_.patience),
      http_(std::move(executor), options_.http) {}

awaitable<Result<Answer>> Remote::ask(Call call) {
  for (;;) {
    const auto server = options_.servers[patience_.server()];
    patience_.tries(runtime_.steady());
    auto copy = call;
    auto answer = co_await http_.ask(server, options_.token(), std::move(copy));
    if (answer && !is_passing(*answer)) {
      patience_.good();
      auto wrong = error_of(*answer, server);
      if (wrong) co_return fail(std::move(*wrong));
      co_return answer;
    }
    const auto why = answer ? error_of(*answer, server).value_or(Error{}) : answer.error();
    const auto now = runtime_.steady();
    if (options_.trouble && patience_.is_news_after(trouble_after, now)) options_.trouble(why);
    const auto pause = patience_.failed(now, runtime_.random());
    if (!pause) {
      patience_.good();  // the next call has its own time
      co_return fail(unreachable(why, options_.patience.give_up));
    }
    co_await runtime_.sleep(*pause);
  }
}

awaitable<Result<json>> Remote::ask_json(Call call) {
  auto answer = co_await ask(std::move(call));
  if (!answer) co_return fail(answer.error());
  auto body = wire::parse(answer->body);
  if (!body) co_return bad_answer(body.error().what);
  co_return std::move(*body);
}

awaitable<Result<void>> Remote::post(std::string target, json body) {
  Call call{.method = "POST", .target = std::move(target), .body = wire::dump(body)};
  const auto answer = co_await ask(std::move(call));
  if (!answer) co_return fail(answer.error());
  co_return Result<void>{};
}

std::string Remote::target_of(const ProjectId& project, std::string_view what) const {
  return "/v2/computations/" + escaped(project.value()) + std::string(what) + "?user_id=" + std::to_string(options_.user.value());
}

std::string Remote::target_of(const core::RunKey& run, std::string_view what) const {
  return target_of(run.project, what) + "&iteration=" + std::to_string(run.iteration.value());
}

awaitable<Result<void>> Remote::put_project(Upload project) {
  const json body{{"user_id", options_.user.value()},
                  {"name", project.name},
                  {"pipeline", project.document},
                  {"file", project.file},
                  {"params", project.params}};
  Call call{.method = "PUT", .target = "/v2/projects/" + escaped(project.id.value()), .body = wire::dump(body)};
  const auto answer = co_await ask(std::move(call));
  if (!answer) co_return fail(answer.error());
  co_return Result<void>{};
}

awaitable<Result<Server::Begun>> Remote::start(Start wanted) {
  const json body{{"user_id", options_.user.value()}, {"project_id", wanted.project.value()},
                  {"start_pipeline", true},           {"subgraph", wanted.nodes},
                  {"force_restart", wanted.force},    {"collection_run_id", wanted.collection},
                  {"keep_going", wanted.keep_going},  {"simulate", wanted.simulated}};
  Call call{.method = "POST", .target = "/v2/computations", .body = wire::dump(body)};
  const auto answer = co_await ask_json(std::move(call));
  if (!answer) co_return fail(answer.error());
  auto run = run_in(*answer);
  if (!run) co_return fail(run.error());
  Begun begun{.run = std::move(*run), .to_run = count_in(*answer, "to_run"), .nodes = count_in(*answer, "nodes")};
  co_return begun;
}

awaitable<Result<void>> Remote::stop(core::RunKey run, bool kill) {
  json body{{"user_id", options_.user.value()}, {"iteration", run.iteration.value()}, {"kill", kill}};
  auto stopped = co_await post("/v2/computations/" + escaped(run.project.value()) + ":stop", std::move(body));
  co_return stopped;
}

awaitable<Result<std::string>> Remote::plan(Start wanted) {
  const json body{{"user_id", options_.user.value()},
                  {"subgraph", wanted.nodes},
                  {"force_restart", wanted.force},
                  {"simulate", wanted.simulated}};
  Call call{
      .method = "POST", .target = "/v2/computations/" + escaped(wanted.project.value()) + ":plan", .body = wire::dump(body)};
  auto answer = co_await ask(std::move(call));
  if (!answer) co_return fail(answer.error());
  co_return std::move(answer->body);
}

awaitable<Result<std::string>> Remote::why(ProjectId project, std::vector<std::string> nodes) {
  const json body{{"user_id", options_.user.value()}, {"nodes", nodes}};
  Call call{.method = "POST", .target = "/v2/computations/" + escaped(project.value()) + ":why", .body = wire::dump(body)};
  auto answer = co_await ask(std::move(call));
  if (!answer) co_return fail(answer.error());
  co_return std::move(answer->body);
}

awaitable<Result<Server::LogPart>> Remote::log(core::RunKey run, NodeId node, std::int32_t attempt, std::uint64_t from) {
  auto target = target_of(run, "/tasks/" + escaped(node.value()) + "/log") + "&from=" + std::to_string(from);
  if (attempt > 0) target += "&attempt=" + std::to_string(attempt);
  const Call call{.method = "GET", .target = std::move(target)};
  auto answer = co_await ask(call);
  for (std::size_t others = 1; others < options_.servers.size(); ++others) {
    if (answer || answer.error().code != "log.elsewhere") break;
    patience_.turn();  // it is on the host of one of them
    answer = co_await ask(call);
  }
  if (!answer) co_return fail(answer.error());
  LogPart part{.bytes = std::move(answer->body), .next = from, .more = answer->fields["baton-log-more"] == "1"};
  part.next = from + part.bytes.size();
  const auto& next = answer->fields["baton-log-next"];
  if (!next.empty()) std::from_chars(next.data(), next.data() + next.size(), part.next);
  co_return part;
}

std::unique_ptr<Server::Watch> Remote::watch(core::RunKey run) {
  return std::make_unique<RemoteWatch>(runtime_, executor_, options_, patience_, target_of(run, "/events"));
}

awaitable<Result<std::vector<RunView>>> Remote::held() {
  Call call{.method = "GET", .target = "/v2/quarantine"};
  const auto answer = co_await ask_json(std::move(call));
  if (!answer) co_return fail(answer.error());
  co_return list_in(*answer, "runs", wire::run_from);
}

awaitable<Result<void>> Remote::release_held(core::RunKey run) {
  auto released = co_await post("/v2/quarantine/" + escaped(std::to_string(run.user.value())) + ":" +
                                    escaped(run.project.value()) + ":" + std::to_string(run.iteration.value()) + ":release",
                                json::object());
  co_return released;
}

awaitable<Result<std::vector<RunView>>> Remote::runs(ProjectId project, std::size_t max) {
  Call call{.method = "GET", .target = target_of(project, "/runs") + "&max=" + std::to_string(max)};
  const auto answer = co_await ask_json(std::move(call));
  if (!answer && is_no_project(answer.error())) co_return std::vector<RunView>{};
  if (!answer) co_return fail(answer.error());
  co_return list_in(*answer, "runs", wire::run_from);
}

awaitable<Result<RunView>> Remote::run(core::RunKey run) {
  Call call{.method = "GET", .target = target_of(run, "")};
  const auto answer = co_await ask_json(std::move(call));
  if (!answer) co_return fail(answer.error());
  auto view = run_in(*answer);
  if (!view) co_return fail(view.error());
  if (!*view)
    co_return fail({.code = "store.not_found", .what = "there is no such run", .where = core::to_text(run), .way_out = {}});
  co_return std::move(**view);
}

awaitable<Result<std::vector<TaskView>>> Remote::tasks(core::RunKey run, Fence since) {
  auto target = target_of(run, "/tasks");
  if (since != Fence::none()) target += "&since=" + std::to_string(since.value());
  Call call{.method = "GET", .target = std::move(target)};
  const auto answer = co_await ask_json(std::move(call));
  if (!answer) co_return fail(answer.error());
  co_return list_in(*answer, "tasks", wire::task_from);
}

awaitable<Result<std::vector<core::AttemptRecord>>> Remote::attempts(core::RunKey run, std::optional<NodeId> node) {
  auto target = target_of(run, "/attempts");
  if (node) target += "&node=" + escaped(node->value());
  Call call{.method = "GET", .target = std::move(target)};
  const auto answer = co_await ask_json(std::move(call));
  if (!answer) co_return fail(answer.error());
  co_return list_in(*answer, "attempts", wire::attempt_from);
}

awaitable<Result<std::vector<NodeView>>> Remote::nodes(ProjectId project) {
  Call call{.method = "GET", .target = target_of(project, "/nodes")};
  const auto answer = co_await ask_json(std::move(call));
  if (!answer && is_no_project(answer.error())) co_return std::vector<NodeView>{};
  if (!answer) co_return fail(answer.error());
  co_return list_in(*answer, "nodes", wire::node_from);
}

}  // namespace baton::client
