#include "client/remote.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <nlohmann/json.hpp>

#include "runtime/asio/asio_runtime.hpp"
#include "scripted_server.hpp"
#include "wire/views.hpp"

namespace baton::client {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

const core::RunKey the_run{.user = UserId(1), .project = ProjectId("p"), .iteration = Iteration(2)};

RunView a_run(core::State result = core::State::started) {
  RunView run;
  run.id = RunId(17);
  run.uuid = RunUuid("u");
  run.key = the_run;
  run.record.result = result;
  return run;
}
TaskView a_task(const std::string& node, core::State state) {
  TaskView task;
  task.node = NodeId(node);
  task.record.state = state;
  return task;
}
std::string run_body() { return json{{"run", wire::json_of(a_run())}}.dump(); }
std::string event(const std::string& name, const std::string& id, const json& data) {
  return chunk("event: " + name + "\nid: " + id + "\ndata: " + data.dump() + "\n\n");
}
std::string tasks_event(const std::string& id, const TaskView& task) {
  return event("tasks", id, {{"fence", 1}, {"tasks", {wire::json_of(task)}}});
}
std::string head_field(const std::string& request, const std::string& name) {
  const auto at = request.find(name + ": ");
  return at == std::string::npos ? "" : request.substr(at + name.size() + 2, request.find('\r', at) - at - name.size() - 2);
}

/// Short times, so that what a person waits a minute for takes moments here.
class Client {
 public:
  explicit Client(const std::string& urls, HttpLimits http = {}, core::Duration give_up = 20s) {
    RemoteOptions options;
    options.servers = *addresses_from(urls);
    options.token = [] { return std::string("secret"); };
    options.user = UserId(1);
    options.http = http;
    options.patience = {.first = 2ms, .longest = 10ms, .give_up = give_up};
    remote = std::make_unique<Remote>(runtime, runtime.io().get_executor(), std::move(options));
  }
  template <class T>
  T wait(awaitable<T> body) {
    std::optional<T> result;
    runtime.run(into(std::move(body), result));
    return std::move(*result);
  }
  template <class T>
  static awaitable<void> into(awaitable<T> body, std::optional<T>& result) {
    auto got = co_await std::move(body);
    result.emplace(std::move(got));
  }
  AsioRuntime runtime;
  std::unique_ptr<Remote> remote;
};

TEST(Remote, a_connection_is_kept_and_carries_the_token) {
  ScriptedServer server({{answer(200, run_body())}, {answer(200, run_body())}});
  Client client(server.url());

  ASSERT_TRUE(client.wait(client.remote->run(the_run)).has_value());
  const auto run = client.wait(client.remote->run(the_run));

  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->key, the_run);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_TRUE(requests[0].starts_with("GET /v2/computations/p?user_id=1&iteration=2 HTTP/1.1\r\n")) << requests[0];
  EXPECT_EQ(head_field(requests[1], "Authorization"), "Bearer secret");
}

TEST(Remote, a_server_that_is_not_ready_is_asked_again) {
  ScriptedServer server({{answer(503, "")},
                         {answer(503, R"({"errors":[{"code":"store.unavailable","what":"gone"}]})", "Retry-After: 1\r\n")},
                         {"", Line::Then::close},
                         {"", Line::Then::reset},
                         {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", Line::Then::close},
                         {answer(200, run_body())}});
  Client client(server.url());

  EXPECT_TRUE(client.wait(client.remote->run(the_run)).has_value());
  EXPECT_EQ(server.requests().size(), 6U);
}

TEST(Remote, a_kept_connection_that_was_closed_meanwhile_costs_nothing) {
  ScriptedServer server({{answer(200, run_body()), Line::Then::close}, {answer(200, run_body())}});
  Client client(server.url(), {}, 0s);  // no second try counts here

  EXPECT_TRUE(client.wait(client.remote->run(the_run)).has_value());
  EXPECT_TRUE(client.wait(client.remote->run(the_run)).has_value());
}

TEST(Remote, the_next_server_is_asked_where_one_is_silent) {
  ScriptedServer silent({{"", Line::Then::hang}});
  ScriptedServer good({{answer(200, run_body())}, {answer(200, run_body())}});
  Client client(silent.url() + "," + good.url(), {.answer = 50ms});

  EXPECT_TRUE(client.wait(client.remote->run(the_run)).has_value());
  EXPECT_TRUE(client.wait(client.remote->run(the_run)).has_value());
  EXPECT_EQ(silent.requests().size(), 1U) << "who has answered is asked first from then on";
}

TEST(Remote, a_repeated_start_is_the_same_request) {
  ScriptedServer server(
      {{"", Line::Then::close}, {answer(201, json{{"run", wire::json_of(a_run())}, {"to_run", 2}, {"nodes", 3}}.dump())}});
  Client client(server.url());

  const auto begun = client.wait(client.remote->start({.project = ProjectId("p"), .nodes = {"align[a]"}, .collection = "c"}));

  ASSERT_TRUE(begun && begun->run) << (begun ? "no run" : begun.error().what);
  EXPECT_EQ(begun->to_run, 2U);
  EXPECT_EQ(begun->nodes, 3U);
  const auto requests = server.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0], requests[1]);
  const auto body = json::parse(requests[0].substr(requests[0].find("\r\n\r\n") + 4));
  EXPECT_EQ(body.at("collection_run_id"), "c");
  EXPECT_EQ(body.at("subgraph"), json::array({"align[a]"}));
}

TEST(Remote, a_refused_token_is_told_at_once) {
  ScriptedServer server({{answer(401, R"({"errors":[{"code":"auth.refused","what":"no"}]})")}});
  Client client(server.url());

  EXPECT_EQ(client.wait(client.remote->run(the_run)).error().code, "auth.refused");
  EXPECT_EQ(server.requests().size(), 1U);
}

TEST(Remote, what_the_server_says_is_wrong_comes_out_as_it_is) {
  const Error said{.code = "input.cycle", .what = "a cycle", .where = "/p.yaml:1:2", .way_out = "cut it"};
  ScriptedServer server({{answer(422, json{{"errors", {wire::json_of(said)}}}.dump())}, {answer(500, "oh")}});
  Client client(server.url());

  EXPECT_EQ(client.wait(client.remote->put_project({.id = ProjectId("p")})).error(), said);
  EXPECT_EQ(client.wait(client.remote->put_project({.id = ProjectId("p")})).error().code, "server.bad_answer");
}

TEST(Remote, what_is_no_baton_is_not_asked_again) {
  ScriptedServer server({{answer(200, "<html>")}, {answer(200, "{}")}, {answer(200, R"({"run":{"uuid":1}})")}});
  Client client(server.url());

  for (int i = 0; i < 3; ++i) EXPECT_EQ(client.wait(client.remote->run(the_run)).error().code, "server.bad_answer") << i;
}

TEST(Remote, nobody_for_too_long_is_unreachable) {
  std::string nobody;
  {
    const ScriptedServer gone({});
    nobody = gone.url();
  }
  Client client(nobody, {}, 50ms);

  const auto run = client.wait(client.remote->run(the_run));

  EXPECT_EQ(run.error().code, "server.unreachable");
  EXPECT_EQ(run.error().where, nobody);
}

TEST(Remote, a_project_that_is_not_there_has_no_runs) {
  const auto none = answer(404, R"({"errors":[{"code":"store.not_found","what":"no"}]})");
  ScriptedServer server({{none}, {none}, {none}});
  Client client(server.url());

  EXPECT_TRUE(client.wait(client.remote->runs(ProjectId("p"), 1))->empty());
  EXPECT_TRUE(client.wait(client.remote->nodes(ProjectId("p")))->empty());
  EXPECT_EQ(client.wait(client.remote->run(the_run)).error().code, "store.not_found");
}

TEST(Remote, a_log_comes_in_parts) {
  ScriptedServer server({{answer(200, "abc", "Baton-Log-Next: 3\r\nBaton-Log-More: 1\r\n")},
                         {answer(200, "", "Baton-Log-Next: 3\r\n")},
                         {answer(404, R"({"errors":[{"code":"log.none","what":"nothing"}]})")}});
  Client client(server.url());

  const auto first = client.wait(client.remote->log(the_run, NodeId("align[a]"), 2, 0));
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->bytes, "abc");
  EXPECT_EQ(first->next, 3U);
  EXPECT_TRUE(first->more);
  EXPECT_FALSE(client.wait(client.remote->log(the_run, NodeId("align[a]"), 0, 3))->more);
  EXPECT_EQ(client.wait(client.remote->log(the_run, NodeId("align[a]"), 0, 0)).error().code, "log.none");
  EXPECT_TRUE(server.requests()[0].starts_with(
      "GET /v2/computations/p/tasks/align%5Ba%5D/log?user_id=1&iteration=2&from=0&attempt=2 HTTP/1.1\r\n"))
      << server.requests()[0];
}

TEST(Remote, a_log_of_another_host_is_asked_for_there) {
  const auto elsewhere = answer(409, R"({"errors":[{"code":"log.elsewhere","what":"not here"}]})");
  ScriptedServer here({{elsewhere}, {elsewhere}});
  ScriptedServer there({{answer(200, "abc")}, {elsewhere}});
  Client client(here.url() + "," + there.url());

  EXPECT_EQ(client.wait(client.remote->log(the_run, NodeId("a"), 1, 0))->bytes, "abc");
  EXPECT_EQ(client.wait(client.remote->log(the_run, NodeId("a"), 1, 0)).error().code, "log.elsewhere");
}

// ---- events ---------------------------------------------------------------------------------------------------------

/// All news up to the end of the run, or what went wrong.
awaitable<Result<std::vector<Server::News>>> all_news(Server::Watch& watch) {
  std::vector<Server::News> all;
  for (;;) {
    auto news = co_await watch.next();
    if (!news) co_return fail(news.error());
    all.push_back(std::move(*news));
    if (all.back().end) co_return all;
  }
}

TEST(Watch, a_broken_stream_goes_on_from_its_last_event_at_the_next_server) {
  ScriptedServer first({{event_stream() + event("run", "17:1", wire::json_of(a_run())) +
                             tasks_event("17:1", a_task("a", core::State::started)) + chunk("event: tasks\nid: 17:2\nda"),
                         Line::Then::reset}});
  ScriptedServer second({{answer(503, "")},
                         {event_stream() + chunk(": beat\n\n") + event("later", "17:3", json::object()) +
                              event("progress", "17:3", {{"progress", {{"a", 0.5}}}}) + "0\r\n\r\n",
                          Line::Then::close},
                         {event_stream() + tasks_event("17:4", a_task("a", core::State::success)) +
                              event("end", "17:4", wire::json_of(a_run(core::State::success))) + "0\r\n\r\n",
                          Line::Then::close}});
  Client client(first.url() + "," + second.url());
  const auto watch = client.remote->watch(the_run);

  const auto news = client.wait(all_news(*watch));

  ASSERT_TRUE(news.has_value()) << news.error().what;
  ASSERT_EQ(news->size(), 5U);
  EXPECT_EQ((*news)[0].run->key, the_run);
  EXPECT_EQ((*news)[1].tasks.at(0).record.state, core::State::started);
  EXPECT_EQ((*news)[2].progress.at(NodeId("a")), 0.5);
  EXPECT_EQ((*news)[3].tasks.at(0).record.state, core::State::success);
  EXPECT_EQ((*news)[4].run->record.result, core::State::success);
  EXPECT_EQ(head_field(first.requests().at(0), "Last-Event-ID"), "");
  ASSERT_FALSE(second.requests().empty());
  EXPECT_EQ(head_field(second.requests()[0], "Last-Event-ID"), "17:1") << "half an event was not seen";
  EXPECT_EQ(head_field(second.requests().back(), "Last-Event-ID"), "17:3");
}

TEST(Watch, a_stream_without_a_heart_beat_is_broken_off) {
  ScriptedServer paused({{event_stream() + event("run", "17:1", wire::json_of(a_run())), Line::Then::hang}});
  ScriptedServer good({{event_stream() + event("end", "17:2", wire::json_of(a_run(core::State::failed))), Line::Then::close}});
  Client client(paused.url() + "," + good.url(), {.silence = 50ms});
  const auto watch = client.remote->watch(the_run);

  const auto news = client.wait(all_news(*watch));

  ASSERT_TRUE(news.has_value()) << news.error().what;
  EXPECT_EQ(news->back().run->record.result, core::State::failed);
}

TEST(Watch, a_refused_token_and_an_unknown_run_end_it) {
  ScriptedServer server({{answer(401, "")}, {answer(404, R"({"errors":[{"code":"store.not_found","what":"no"}]})")}});
  Client client(server.url());

  EXPECT_EQ(client.wait(client.remote->watch(the_run)->next()).error().code, "auth.refused");
  EXPECT_EQ(client.wait(client.remote->watch(the_run)->next()).error().code, "store.not_found");
}

TEST(Watch, nobody_for_too_long_ends_it) {
  ScriptedServer server({});
  Client client(server.url(), {}, 50ms);

  EXPECT_EQ(client.wait(client.remote->watch(the_run)->next()).error().code, "server.unreachable");
}

awaitable<void> close_soon(Runtime& runtime, Server::Watch& watch) {
  co_await runtime.sleep(20ms);
  watch.close();
}

awaitable<Result<Server::News>> next_while_closed(Runtime& runtime, Server::Watch& watch) {
  const auto gate = runtime.gate();
  gate->spawn(close_soon(runtime, watch));
  auto news = co_await watch.next();
  co_await gate->empty();
  co_return news;
}

TEST(Watch, whoever_waits_is_let_go_when_it_is_closed) {
  ScriptedServer silent({{event_stream(), Line::Then::hang}});
  Client reading(silent.url());
  const auto waits = reading.remote->watch(the_run);
  EXPECT_EQ(reading.wait(next_while_closed(reading.runtime, *waits)).error().code, "server.closed");
  EXPECT_EQ(reading.wait(waits->next()).error().code, "server.closed");

  ScriptedServer closing({});
  Client pausing(closing.url());
  const auto tries = pausing.remote->watch(the_run);
  EXPECT_EQ(pausing.wait(next_while_closed(pausing.runtime, *tries)).error().code, "server.closed");
}

}  // namespace
}  // namespace baton::client
