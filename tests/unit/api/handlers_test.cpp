#include <gtest/gtest.h>

#include <algorithm>

#include "place.hpp"

namespace baton::api::test {
namespace {

TEST(Projects, a_project_is_put_and_counted) {
  House house;

  const auto answer = house.put(two_steps);

  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_EQ(body_of(answer), (json{{"id", project_id}, {"name", "hello"}, {"nodes", 2}}));
}

TEST(Projects, a_bad_document_is_refused_with_its_place) {
  House house;

  const auto answer = house.put("baton: 1\nnodes:\n  one: {rum: x}\n");

  EXPECT_EQ(answer.status, 422U);
  EXPECT_EQ(code_of(answer), "input.unknown_field");
  const auto where = body_of(answer)["errors"][0]["where"].get<std::string>();
  EXPECT_NE(where.find("/data/p.yaml:3:9"), std::string::npos) << where;
}

TEST(Projects, values_are_part_of_it) {
  House house;
  constexpr auto text =
      "baton: 1\nparams: {n: 1}\nnodes:\n  a:\n    foreach: {i: {range: [1, 3]}}\n    run: \"true ${foreach.i}\"\n";

  EXPECT_EQ(house.put(text).status, 200U);
  EXPECT_EQ(code_of(house.put(text, {{"m", "2"}})), "input.unknown_param");
}

TEST(Projects, another_users_project_stays_his) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);

  const auto answer = house.ask("PUT", std::string("/v2/projects/") + project_id,
                                {{"user_id", 2}, {"name", "x"}, {"pipeline", two_steps}, {"file", "/p.yaml"}});

  EXPECT_EQ(answer.status, 409U);
  EXPECT_EQ(code_of(answer), "store.not_yours");
  EXPECT_EQ(house.ask("GET", House::at("?user_id=2")).status, 404U);
}

TEST(Projects, what_is_wrong_with_a_request_is_named) {
  House house;
  const auto target = std::string("/v2/projects/") + project_id;
  const json good{{"user_id", 1}, {"name", "x"}, {"pipeline", two_steps}, {"file", "/p.yaml"}};
  struct Case {
    std::string member;
    json value;
    std::string where;
  };
  for (const auto& [member, value, where] :
       {Case{"user_id", "1", "user_id"}, Case{"user_id", 0, "user_id"}, Case{"user_id", nullptr, "user_id"},
        Case{"user_id", 1.5, "user_id"}, Case{"user_id", 18446744073709551615U, "user_id"}, Case{"pipeline", 1, "pipeline"},
        Case{"file", "p.yaml", "file"}, Case{"params", json{{"a", 1}}, "params"}, Case{"nam", "y", "nam"}}) {
    auto body = good;
    body[member] = value;
    const auto answer = house.ask("PUT", target, body);
    EXPECT_EQ(answer.status, 422U) << body;
    EXPECT_EQ(code_of(answer), "api.invalid") << body;
    EXPECT_EQ(body_of(answer)["errors"][0]["where"], where) << body;
  }
  EXPECT_EQ(house.ask("PUT", "/v2/projects/p", good).status, 422U);
}

TEST(Projects, a_body_that_is_no_json_is_refused) {
  House house;
  auto call = *call_of("PUT", std::string("/v2/projects/") + project_id);
  call.body = "{";
  EXPECT_EQ(house.ask(call).status, 415U);
  call.content_type = "Application/JSON; charset=utf-8";
  EXPECT_EQ(house.ask(call).status, 400U);
  call.body = std::string(1000, '[');
  EXPECT_EQ(house.ask(call).status, 400U);
  call.body = "[1]";
  EXPECT_EQ(house.ask(call).status, 422U);
}

TEST(Projects, files_are_read_below_the_data_folders_only) {
  House house;
  const auto reads = [](const std::string& path) {
    return "baton: 1\nnodes:\n  one:\n    inputs: {f: {file: \"" + path + "\"}}\n    run: \"true\"\n";
  };
  const auto secret = house.folder.file("secret", "x");
  const auto inside = house.folder.file("data/in", "x");
  std::filesystem::create_symlink(secret, house.folder.path() + "/data/link");
  std::filesystem::create_directory_symlink(house.folder.path(), house.folder.path() + "/data/out");
  std::filesystem::create_symlink(inside, house.folder.path() + "/back");

  EXPECT_EQ(house.put(reads("in")).status, 200U);
  EXPECT_EQ(house.put(reads("not-there-yet/in")).status, 200U);
  EXPECT_EQ(house.put(reads(house.folder.path() + "/back")).status, 200U) << "it leads inside";
  for (const auto& path : {secret, std::string("../secret"), std::string("link"), std::string("out/secret"),
                           std::string("/etc/passwd"), house.folder.path() + "/database"}) {
    const auto answer = house.put(reads(path));
    EXPECT_EQ(answer.status, 422U) << path;
    EXPECT_EQ(code_of(answer), "input.forbidden_path") << path;
  }
}

TEST(Projects, a_link_that_is_bent_later_is_seen_at_the_start) {
  House house;
  std::ignore = house.folder.file("data/in", "x");
  ASSERT_EQ(house.put("baton: 1\nnodes:\n  one:\n    inputs: {f: {file: in}}\n    run: \"true\"\n").status, 200U);
  std::filesystem::remove(house.folder.path() + "/data/in");
  std::filesystem::create_symlink(house.folder.file("secret", "x"), house.folder.path() + "/data/in");

  EXPECT_EQ(code_of(house.start()), "input.forbidden_path");
}

TEST(Computations, a_start_makes_a_run_with_the_graph_of_its_tasks) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);

  const auto answer = house.start();

  EXPECT_EQ(answer.status, 201U) << answer.body;
  const auto told = body_of(answer);
  EXPECT_EQ(told["id"], project_id);
  EXPECT_EQ(told["state"], "PUBLISHED");
  EXPECT_EQ(told["iteration"], 1);
  EXPECT_EQ(told["run"]["collection"], start_id);
  EXPECT_EQ(told["to_run"], 2);
  EXPECT_EQ(told["nodes"], 2);
  EXPECT_EQ(told["stop_url"], std::string("/v2/computations/") + project_id + ":stop?user_id=1");
  EXPECT_EQ(told["pipeline_details"]["adjacency_list"], (json{{"one", {"two"}}, {"two", json::array()}}));
  EXPECT_EQ(told["pipeline_details"]["node_states"]["two"]["dependencies"], json::array({"one"}));
  EXPECT_EQ(told["pipeline_details"]["node_states"]["one"]["currentStatus"], "PUBLISHED");
  EXPECT_TRUE(house.broker.holds(House::run()));
}

TEST(Computations, steps_that_do_not_say_retry_as_often_as_the_server_is_told) {
  House house;
  house.place.retries_lost = 4;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  ASSERT_EQ(house.start().status, 201U);

  std::shared_ptr<const core::RunDefinition> definition;
  house.runtime.run(House::definition(house.store, definition));

  ASSERT_TRUE(definition);
  EXPECT_EQ(definition->tasks.at(0).node.step->retries.lost, 4);
}

TEST(Computations, the_same_start_again_joins_and_another_one_is_refused) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  ASSERT_EQ(house.start().status, 201U);

  const auto again = house.start();
  EXPECT_EQ(again.status, 201U) << again.body;
  EXPECT_EQ(body_of(again)["iteration"], 1);

  const auto other = house.start({{"collection_run_id", "99999999-2222-4333-8444-555555555555"}, {"subgraph", {"one"}}});
  EXPECT_EQ(other.status, 409U);
  EXPECT_EQ(code_of(other), "run.unfinished");
  EXPECT_EQ(house.ask("POST", "/v2/computations", {{"user_id", 1}, {"project_id", project_id}}).status, 409U);
}

TEST(Computations, a_start_is_refused_while_there_is_too_much_and_one_sent_again_joins) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  std::optional<Error> why{{.code = "run.outbox_full", .what = "full", .where = {}, .way_out = {}}};
  house.place.refuses = [&](UserId user) { return user == UserId(1) ? why : std::nullopt; };

  const auto full = house.start();
  EXPECT_EQ(full.status, 503U);
  EXPECT_EQ(code_of(full), "run.outbox_full");
  EXPECT_EQ(header_of(full, "Retry-After"), "1");
  why->code = "run.too_many_open";
  EXPECT_EQ(house.start().status, 429U);
  EXPECT_EQ(body_of(house.ask("GET", House::at("/runs?user_id=1")))["runs"], json::array());

  why.reset();
  ASSERT_EQ(house.start().status, 201U);
  why = Error{.code = "run.outbox_full", .what = "full", .where = {}, .way_out = {}};
  EXPECT_EQ(house.start().status, 201U) << "it was begun already";
}

TEST(Computations, without_a_start_the_project_is_only_looked_at) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);

  const auto answer =
      house.ask("POST", "/v2/computations", {{"user_id", 1}, {"project_id", project_id}, {"product_name", "s4l"}});

  EXPECT_EQ(answer.status, 201U) << answer.body;
  EXPECT_EQ(body_of(answer)["state"], "NOT_STARTED");
  EXPECT_EQ(body_of(answer)["run"], nullptr);
  EXPECT_EQ(body_of(house.ask("GET", House::at("/runs?user_id=1")))["runs"], json::array());
}

TEST(Computations, a_start_without_an_id_of_its_own_is_refused) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  for (const auto& id : {json(nullptr), json("x"), json(1)}) {
    const auto answer = house.start({{"collection_run_id", id}});
    EXPECT_EQ(answer.status, 422U) << id;
    EXPECT_EQ(body_of(answer)["errors"][0]["where"], "collection_run_id") << id;
  }
  const auto answer =
      house.ask("POST", "/v2/computations", {{"user_id", 1}, {"project_id", project_id}, {"start_pipeline", true}});
  EXPECT_EQ(answer.status, 422U);
}

TEST(Computations, when_all_is_up_to_date_nothing_is_started) {
  House house;
  ASSERT_EQ(house.put("baton: 1\nnodes: {one: {run: \"true\"}}\n").status, 200U);
  ASSERT_EQ(house.start().status, 201U);
  core::Key key;
  house.runtime.run(House::key_of_first(house.store, key));
  house.pass(
      [&](core::TaskRecord& task, core::Instant) {
        task.state = core::State::success;
        task.success = std::make_shared<const core::Success>(core::Success{.iteration = Iteration(1), .attempt = 1, .key = key});
      },
      core::State::success);

  const auto answer = house.start({{"collection_run_id", "99999999-2222-4333-8444-555555555555"}});

  EXPECT_EQ(answer.status, 200U) << answer.body;
  EXPECT_EQ(body_of(answer)["to_run"], 0);
  EXPECT_EQ(body_of(answer)["run"], nullptr);
  EXPECT_EQ(body_of(answer)["state"], "SUCCESS") << "of the newest run";
  EXPECT_EQ(body_of(answer)["iteration"], 1);
  for (const auto* none : {"started", "stopped", "stop_url"}) EXPECT_EQ(body_of(answer)[none], nullptr) << none;
  const json unnamed{{"user_id", 1}, {"project_id", project_id}, {"start_pipeline", true}};
  EXPECT_EQ(house.ask("POST", "/v2/computations", unnamed).status, 200U) << "nothing to run needs no id";
}

TEST(Computations, an_unknown_node_is_named_with_the_nearest) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);

  const auto answer = house.start({{"subgraph", {"tow"}}});

  EXPECT_EQ(answer.status, 422U);
  EXPECT_EQ(code_of(answer), "usage.unknown_node");
  EXPECT_NE(body_of(answer)["errors"][0]["way_out"].get<std::string>().find("'two'"), std::string::npos);
}

TEST(Computations, what_a_message_needs_is_kept_and_secrets_are_not) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  ASSERT_EQ(house
                .start({{"product_name", "s4l"},
                        {"wallet_info", {{"wallet_id", 7}, {"wallet_name", "w"}, {"wallet_credit_amount", 3}}},
                        {"encryption", {{"encrypted_root_key", "c2VjcmV0"}}}})
                .status,
            201U);
  core::Announcement news{.what = core::Told::run_result, .state = core::State::started};
  house.pass([](core::TaskRecord&, core::Instant) {}, core::State::started, {news});

  std::vector<Outgoing> outbox;
  house.runtime.run(House::outbox(house.store, outbox));

  ASSERT_EQ(outbox.size(), 1U);
  EXPECT_EQ(json::parse(outbox[0].metadata), (json{{"product_name", "s4l"},
                                                   {"wallet_id", 7},
                                                   {"wallet_name", "w"},
                                                   {"project_name", "hello"},
                                                   {"node_id_names_map", {{"one", "the first"}, {"two", "two"}}}}));
}

TEST(Computations, it_is_shown_as_it_stands) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  EXPECT_EQ(body_of(house.ask("GET", House::at("?user_id=1")))["state"], "NOT_STARTED");
  ASSERT_EQ(house.start().status, 201U);
  house.pass(
      [](core::TaskRecord& task, core::Instant now) {
        task.state = task.task == 0 ? core::State::failed : core::State::aborted;
        task.state_since = now;
        if (task.task == 0) task.errors = {{.code = "runtime.exit", .what = "it exited with 1"}};
      },
      core::State::failed);

  const auto told = body_of(house.ask("GET", House::at("?user_id=1")));

  EXPECT_EQ(told["state"], "FAILED");
  EXPECT_EQ(told["stop_url"], nullptr);
  const auto& one = told["pipeline_details"]["node_states"]["one"];
  EXPECT_EQ(one["currentStatus"], "FAILED");
  EXPECT_EQ(one["modified"], true);
  EXPECT_EQ(one["errors"],
            (json::array({{{"loc", {project_id, "one"}}, {"msg", "it exited with 1"}, {"type", "runtime.exit"}}})));
  EXPECT_EQ(told["pipeline_details"]["adjacency_list"]["one"], json::array({"two"}));
  EXPECT_EQ(house.ask("GET", House::at("?user_id=1&iteration=2")).status, 404U);
  EXPECT_EQ(house.ask("GET", House::at("?user_id=1&iteration=0")).status, 422U);
  EXPECT_EQ(house.ask("GET", House::at("")).status, 422U);
  EXPECT_EQ(house.ask("GET", "/v2/computations/7ba7b810-9dad-11d1-80b4-00c04fd430c8?user_id=1").status, 404U);
}

TEST(Computations, a_stop_is_wanted_durably_and_may_be_asked_twice) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  EXPECT_EQ(house.ask("POST", House::at(":stop"), {{"user_id", 1}}).status, 202U) << "there is no run: nothing to stop";
  ASSERT_EQ(house.start().status, 201U);
  std::vector<core::RunKey> killed;
  house.place.kill = [&](const core::RunKey& run) { killed.push_back(run); };

  for (int i = 0; i < 2; ++i) {
    const auto answer = house.ask("POST", House::at(":stop"), {{"user_id", 1}, {"iteration", 1}});
    EXPECT_EQ(answer.status, 202U) << answer.body;
    EXPECT_EQ(body_of(answer)["stop_url"], nullptr);
  }
  EXPECT_TRUE(killed.empty());
  ASSERT_EQ(house.ask("POST", House::at(":stop"), {{"user_id", 1}, {"kill", true}}).status, 202U);

  EXPECT_EQ(killed, std::vector{House::run()});
  EXPECT_EQ(body_of(house.ask("GET", House::at("?user_id=1")))["run"]["desire"], "cancel");
  EXPECT_EQ(house.ask("POST", House::at(":stop"), {{"user_id", 2}}).status, 404U);
  EXPECT_EQ(house.ask("POST", House::at(":stop"), {{"user_id", 1}, {"iteraton", 1}}).status, 422U);
}

TEST(Computations, a_plan_and_its_reasons_are_those_of_the_command_line) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);

  const auto plan = body_of(house.ask("POST", House::at(":plan"), {{"user_id", 1}, {"subgraph", {"one"}}}));
  const auto why = body_of(house.ask("POST", House::at(":why"), {{"user_id", 1}, {"nodes", {"two"}}}));

  ASSERT_EQ(plan["tasks"].size(), 2U) << plan;
  EXPECT_EQ(plan["tasks"][0]["node"], "one");
  EXPECT_EQ(plan["tasks"][0]["run"], true);
  EXPECT_EQ(plan["tasks"][1]["run"], false);
  EXPECT_EQ(plan["edges"], json::array({json::array({"one", "two"})}));
  ASSERT_EQ(why["tasks"].size(), 1U) << why;
  EXPECT_EQ(why["tasks"][0]["node"], "two");
  EXPECT_EQ(why["tasks"][0]["lines"][0]["topic"], "state");
}

TEST(Tasks, those_that_changed_are_given_since_a_fence) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  ASSERT_EQ(house.start().status, 201U);
  const auto all = body_of(house.ask("GET", House::at("/tasks?user_id=1")));
  ASSERT_EQ(all["tasks"].size(), 2U) << all;
  EXPECT_EQ(all["tasks"][0]["node_id"], "one");
  EXPECT_EQ(all["fence"], 0);

  house.pass([](core::TaskRecord& task, core::Instant) { task.state = core::State::pending; }, core::State::pending);

  EXPECT_EQ(body_of(house.ask("GET", House::at("/tasks?user_id=1&since=0")))["tasks"].size(), 2U);
  const auto none = body_of(house.ask("GET", House::at("/tasks?user_id=1&since=1")));
  EXPECT_EQ(none["tasks"].size(), 0U);
  EXPECT_EQ(none["fence"], 1);
  EXPECT_EQ(body_of(house.ask("GET", House::at("/attempts?user_id=1")))["attempts"], json::array());
  EXPECT_EQ(body_of(house.ask("GET", House::at("/nodes?user_id=1")))["nodes"].size(), 2U);
  EXPECT_EQ(body_of(house.ask("GET", House::at("/runs?user_id=1")))["runs"].size(), 1U);
  EXPECT_EQ(house.ask("GET", House::at("/runs?user_id=1&max=1001")).status, 422U);
}

TEST(Logs, bytes_come_from_an_offset_until_the_task_has_ended) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  ASSERT_EQ(house.start().status, 201U);
  EXPECT_EQ(code_of(house.ask("GET", House::at("/tasks/one/log?user_id=1"))), "log.none");
  const auto log = house.folder.file("state/logs/one", "hello");
  const auto becomes = [&](core::State state, core::State run) {
    house.pass(
        [&](core::TaskRecord& task, core::Instant) {
          if (task.task != 0) return;
          task.state = state;
          task.log = log;
        },
        run);
  };
  becomes(core::State::started, core::State::started);

  const auto first = house.ask("GET", House::at("/tasks/one/log?user_id=1"));
  EXPECT_EQ(first.body, "hello");
  EXPECT_EQ(header_of(first, "Baton-Log-Next"), "5");
  EXPECT_EQ(header_of(first, "Baton-Log-More"), "1");
  becomes(core::State::failed, core::State::failed);
  const auto rest = house.ask("GET", House::at("/tasks/one/log?user_id=1&from=3"));
  EXPECT_EQ(rest.body, "lo");
  EXPECT_EQ(header_of(rest, "Baton-Log-More"), "");
  EXPECT_EQ(house.ask("GET", House::at("/tasks/one/log?user_id=1&from=99")).body, "");
  EXPECT_EQ(code_of(house.ask("GET", House::at("/tasks/three/log?user_id=1"))), "log.none");
  EXPECT_EQ(code_of(house.ask("GET", House::at("/tasks/one/log?user_id=1&attempt=7"))), "log.none");

  std::ofstream(log, std::ios::binary) << std::string((1 << 20) + 7, 'x');
  const auto chunk = house.ask("GET", House::at("/tasks/one/log?user_id=1"));
  EXPECT_EQ(chunk.body.size(), 1U << 20);
  EXPECT_EQ(header_of(chunk, "Baton-Log-More"), "1");
}

TEST(Logs, no_link_of_a_job_leads_out_of_the_state_directory) {
  for (const auto* path : {"/state/logs/link", "/state/folder/secret", "/secret", "/state/../secret"}) {
    House house;
    ASSERT_EQ(house.put(two_steps).status, 200U);
    ASSERT_EQ(house.start().status, 201U);
    std::ignore = house.folder.file("state/logs/one", "x");
    std::filesystem::create_symlink(house.folder.file("secret", "secret"), house.folder.path() + "/state/logs/link");
    std::filesystem::create_directory_symlink(house.folder.path(), house.folder.path() + "/state/folder");
    house.pass([&](core::TaskRecord& task, core::Instant) { task.log = house.folder.path() + path; }, core::State::started);

    const auto answer = house.ask("GET", House::at("/tasks/one/log?user_id=1"));

    EXPECT_NE(answer.status, 200U) << path;
    EXPECT_EQ(answer.body.find("\"secret\""), std::string::npos);
  }
}

TEST(Quarantine, a_held_run_is_listed_and_let_go) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  ASSERT_EQ(house.start().status, 201U);
  const auto name = core::to_text(House::run());
  EXPECT_EQ(body_of(house.ask("GET", "/v2/quarantine"))["runs"], json::array());

  EXPECT_EQ(house.ask("POST", "/v2/quarantine/" + name + ":release").status, 202U);
  EXPECT_EQ(house.ask("POST", "/v2/quarantine/1:" + std::string(project_id) + ":2:release").status, 404U);
  EXPECT_EQ(house.ask("POST", "/v2/quarantine/1:x:release").status, 422U);
}

TEST(Computations, what_a_request_says_of_itself_is_kept_within_bounds) {
  House house;
  ASSERT_EQ(house.put(two_steps).status, 200U);
  json request{{"user_id", 1},
               {"project_id", project_id},
               {"start_pipeline", true},
               {"product_name", "x"},
               {"collection_run_id", "11111111-1111-4111-8111-111111111111"}};
  auto long_winded = request, with_nul = request;
  long_winded["simcore_user_agent"] = std::string(70'000, 'x');
  with_nul["simcore_user_agent"] = std::string("a\0b", 3);

  EXPECT_EQ(house.ask("POST", "/v2/computations", long_winded).status, 422U);
  EXPECT_EQ(house.ask("POST", "/v2/computations", with_nul).status, 422U);
  EXPECT_EQ(house.ask("POST", "/v2/computations", request).status, 201U);
}

TEST(Readiness, it_is_told_what_is_missing) {
  House house;
  EXPECT_EQ(house.ask("GET", "/healthz").status, 200U);
  EXPECT_EQ(house.ask("GET", "/readyz").status, 200U);
  EXPECT_EQ(house.ask("GET", "/metrics").body, "baton_up 1\n");

  house.health.lock = false;
  EXPECT_EQ(house.ask("GET", "/readyz").status, 200U);
  house.health.queue = false;
  const auto answer = house.ask("GET", "/readyz");
  EXPECT_EQ(answer.status, 503U);
  EXPECT_EQ(body_of(answer)["queue"], false);
  EXPECT_EQ(house.ask("GET", "/v2/quarantine").status, 200U);
  house.health.stopping = true;
  EXPECT_EQ(code_of(house.ask("GET", "/v2/quarantine")), "api.stopping");
  EXPECT_EQ(house.ask("GET", "/healthz").status, 200U);
}

TEST(Answers, an_unknown_path_and_an_unknown_method_are_told_apart) {
  House house;
  EXPECT_EQ(code_of(house.ask("GET", "/v2/nothing")), "api.no_route");
  const auto answer = house.ask("PATCH", House::at(""));
  EXPECT_EQ(answer.status, 405U);
  EXPECT_EQ(header_of(answer, "Allow"), "GET");
}

}  // namespace
}  // namespace baton::api::test
