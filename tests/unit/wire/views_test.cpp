#include "wire/views.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "store/codec/codec.hpp"

namespace baton::wire {
namespace {

using namespace std::chrono_literals;

core::Instant at(std::int64_t microseconds) { return core::Instant(core::Duration(microseconds)); }

constexpr std::int64_t evening = 1'795'890'637'123'456;

std::shared_ptr<const core::Success> a_success() {
  core::Success success;
  success.run = RunId(3);
  success.iteration = Iteration(2);
  success.attempt = 1;
  success.key = {.definition = "d", .inputs = {{"p", "i"}}};
  success.products = {{.port = "n", .content = core::Value{"3"}},
                      {.port = "f", .content = core::Stamp{.path = "/o/f", .stat = "s", .digest = "x", .settled = false}}};
  success.submitted = at(evening);
  success.started = at(evening + 1);
  success.ended = at(evening + 2);
  success.log = "/o/log";
  return std::make_shared<const core::Success>(success);
}

std::string text_of(const std::shared_ptr<const core::Success>& success) { return success ? store::to_json(*success) : ""; }

RunView a_run() {
  RunView run;
  run.id = RunId(17);
  run.uuid = RunUuid("6f1c");
  run.key = {.user = UserId(1), .project = ProjectId("p"), .iteration = Iteration(4)};
  run.record = {.result = core::State::started,
                .desire = core::Desire::cancel,
                .desired_at = at(evening),
                .held = true,
                .created = at(evening - 5),
                .started = at(evening - 1),
                .ended = at(evening + 7)};
  run.request = "r";
  run.keep_going = run.simulated = true;
  run.open = false;
  run.fence = Fence(42);
  run.scheduled = at(1);
  run.processed = at(2);
  run.wake_at = at(3);
  run.last_failure = "store.unavailable: gone";
  run.follower = ReplicaId("me");
  run.collection = "c";
  return run;
}

TEST(Views, a_run_comes_back_as_it_was) {
  const auto run = a_run();
  const auto text = dump(json_of(run));
  const auto back = run_from(*parse(text));
  ASSERT_TRUE(back.has_value()) << back.error().what;
  EXPECT_EQ(back->id, run.id);
  EXPECT_EQ(back->key, run.key);
  EXPECT_EQ(back->record, run.record);
  EXPECT_EQ(dump(json_of(*back)), text);
  EXPECT_NE(text.find(R"("desired_at":"2026-11-28T18:)"), std::string::npos) << text;
}

TEST(Views, a_task_comes_back_as_it_was) {
  TaskView task{.node = NodeId("align[a]"), .record = {}, .progress = 0.25};
  auto& record = task.record;
  record = {.task = 3,
            .state = core::State::success,
            .attempt = 2,
            .job = JobId("j"),
            .seen = true,
            .failures = 1,
            .lost = 1,
            .waiting = core::Waiting::retry,
            .state_since = at(evening),
            .ready_since = at(1),
            .not_before = at(2),
            .submitted = at(3),
            .started = at(4),
            .ended = at(5),
            .exit_code = -9,
            .log = "/l",
            .reused = true,
            .reasons = {{.kind = core::ReasonKind::input_changed, .port = "p", .detail = "/x"}},
            .errors = {{.code = "task.exit", .what = "w", .where = "align[a]", .way_out = "o"}},
            .success = a_success()};
  const auto back = task_from(*parse(dump(json_of(task))));
  ASSERT_TRUE(back.has_value()) << back.error().what;
  EXPECT_EQ(back->node, task.node);
  EXPECT_EQ(back->progress, task.progress);
  EXPECT_EQ(text_of(back->record.success), text_of(record.success));
  auto same = back->record;
  same.success = record.success;
  EXPECT_EQ(same, record);
}

TEST(Views, what_has_not_come_is_null_and_comes_back_as_nothing) {
  const TaskView task{.node = NodeId("a"), .record = {}, .progress = {}};
  const auto value = json_of(task);
  EXPECT_TRUE(value.at("ended").is_null() && value.at("exit_code").is_null() && value.at("success").is_null() &&
              value.at("progress").is_null() && value.at("job_id").is_null());
  const auto back = task_from(value);
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->record, task.record);
  EXPECT_EQ(back->progress, std::nullopt);
}

TEST(Views, an_attempt_comes_back_as_it_was) {
  const core::AttemptRecord attempt{.task = 1,
                                    .attempt = 2,
                                    .job = JobId("j"),
                                    .why = "retry: exit",
                                    .outcome = core::Outcome::failed,
                                    .owed = core::Owed::release,
                                    .submitted = at(1),
                                    .started = at(2),
                                    .ended = at(3),
                                    .exit_code = 1,
                                    .log = "/l",
                                    .errors = {{.code = "task.exit", .what = "w", .where = "", .way_out = ""}}};
  const auto value = json_of(attempt, NodeId("a"));
  EXPECT_EQ(value.at("node_id"), "a");
  const auto back = attempt_from(*parse(dump(value)));
  ASSERT_TRUE(back.has_value()) << back.error().what;
  EXPECT_EQ(*back, attempt);
}

TEST(Views, a_node_comes_back_as_it_was) {
  const NodeView node{
      .node = NodeId("a"), .state = core::State::failed, .success = a_success(), .simulated = nullptr, .run = RunId(17)};
  const auto back = node_from(*parse(dump(json_of(node))));
  ASSERT_TRUE(back.has_value()) << back.error().what;
  EXPECT_EQ(back->node, node.node);
  EXPECT_EQ(back->state, node.state);
  EXPECT_EQ(text_of(back->success), text_of(node.success));
  EXPECT_EQ(back->simulated, nullptr);
  EXPECT_EQ(back->run, node.run);
}

TEST(Views, an_error_comes_back_as_it_was) {
  const Error error{.code = "input.unknown_port", .what = "w", .where = "pipeline.yaml:1:2", .way_out = "o"};
  EXPECT_EQ(error_from(*parse(dump(json_of(error)))), error);
}

TEST(Views, a_member_that_is_wrong_is_named) {
  const auto wrong = [](const char* member, json value) {
    auto run = json_of(a_run());
    run[member] = std::move(value);
    const auto read = run_from(run);
    return read ? std::string() : read.error().code + " " + read.error().where;
  };
  EXPECT_EQ(wrong("uuid", nullptr), "api.invalid uuid");
  EXPECT_EQ(wrong("user", "1"), "api.invalid user");
  EXPECT_EQ(wrong("user", 1.5), "api.invalid user");
  EXPECT_EQ(wrong("user", 18'446'744'073'709'551'615U), "api.invalid user");
  EXPECT_EQ(wrong("result", "LATE"), "api.invalid result");
  EXPECT_EQ(wrong("created", "yesterday"), "api.invalid created");
  EXPECT_EQ(wrong("held", 1), "api.invalid held");
  EXPECT_EQ(wrong("later", json::object()), "") << "a member of a later version is passed over";
  EXPECT_EQ(run_from(json::array()).error().code, "api.invalid");
  auto task = json_of(TaskView{.node = NodeId("a"), .record = {}, .progress = {}});
  task["reasons"] = {{{"kind", "no-such"}}};
  EXPECT_EQ(task_from(task).error().where, "reasons");
  task["reasons"] = json::array();
  task["task"] = -1;
  EXPECT_EQ(task_from(task).error().where, "task");
}

TEST(Views, bytes_that_are_not_text_go_out_as_replacement_characters) {
  auto run = a_run();
  run.last_failure =
      "a\xff"
      "b";
  const auto back = run_from(*parse(dump(json_of(run))));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->last_failure,
            "a\xEF\xBF\xBD"
            "b");
}

TEST(Views, what_is_not_json_or_too_deep_is_refused) {
  EXPECT_EQ(parse("{").error().code, "api.not_json");
  EXPECT_EQ(parse("").error().code, "api.not_json");
  EXPECT_TRUE(parse(std::string(64, '[') + std::string(64, ']')).has_value());
  EXPECT_EQ(parse(std::string(66, '[') + std::string(66, ']')).error().code, "api.not_json");
  EXPECT_EQ(parse(std::string(1'000'000, '[')).error().code, "api.not_json");
}

TEST(Views, a_time_is_read_as_it_is_written) {
  EXPECT_EQ(instant_from("2026-11-28T18:30:37.123456Z"),
            std::chrono::sys_days(std::chrono::year(2026) / 11 / 28) + 18h + 30min + 37s + 123'456us);
  EXPECT_EQ(instant_from("1970-01-01T00:00:00.000000Z"), at(0));
  for (const auto* text :
       {"", "2026-11-28T18:30:37Z", "2026-13-28T18:30:37.123456Z", "2026-02-30T18:30:37.123456Z", "2026-11-28T24:30:37.123456Z",
        "2026-11-28 18:30:37.123456Z", "2026-11-28T18:30:37.12345 Z", "-026-11-28T18:30:37.123456Z"})
    EXPECT_EQ(instant_from(text), std::nullopt) << text;
}

TEST(Views, the_id_of_an_event_is_a_run_and_a_fence) {
  EXPECT_EQ(to_text(Seen{.run = RunId(17), .fence = Fence(42)}), "17:42");
  EXPECT_EQ(seen_from("17:42"), (Seen{.run = RunId(17), .fence = Fence(42)}));
  EXPECT_EQ(seen_from("17:-1"), (Seen{.run = RunId(17), .fence = Fence::none()}));
  for (const auto* text : {"", "17", "17:", ":42", "17:42 ", "17:42:1", "a:b"}) EXPECT_EQ(seen_from(text), std::nullopt) << text;
}

}  // namespace
}  // namespace baton::wire
