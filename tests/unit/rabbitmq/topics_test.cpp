// What others hear of runs, byte for byte in meaning: exchange, routing key, headers and body of each message (C§7).
#include "events/rabbitmq/topics.hpp"

#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

namespace baton::events {
namespace {

using core::State;
using core::Told;
using nlohmann::json;

constexpr auto project = "6b2c5b0e-0b4b-4b1a-8a53-6ad7a0a7f4c1";
constexpr auto node = "3b0b20e0-c860-51d9-9f82-d6b4bc5c2f24";
const core::Instant noon = core::Instant() + std::chrono::hours(12) + std::chrono::microseconds(5);

Outgoing outgoing(Told what, State state = State::published) {
  Outgoing out{.id = 11,
               .run = {UserId(7), ProjectId(project), Iteration(2)},
               .run_id = RunId(5),
               .fence = Fence(9),
               .n = 1,
               .node = NodeId(node),
               .metadata = {},
               .what = {.what = what, .state = state, .attempt = 1, .at = noon}};
  if (what == Told::run_result || what == Told::run_log) out.node = NodeId();
  return out;
}

/// As a start leaves it with the run (C§5.7).
constexpr auto metadata = R"({"node_id_names_map": {"3b0b20e0-c860-51d9-9f82-d6b4bc5c2f24": "align"}, "project_name": "reads",
 "product_name": "osparc", "simcore_user_agent": "agent/1", "user_email": "a@b.c", "wallet_id": 3, "wallet_name": "purse",
 "project_metadata": {"parent_node_id": "pn", "parent_project_id": "pp", "parent_project_name": "parent", "root_parent_node_id": "rn",
 "root_parent_project_id": "rp", "root_parent_project_name": "root"}})";

std::map<std::string, std::int64_t> numbers_of(const amqp::Table& headers) {
  std::map<std::string, std::int64_t> found;
  for (const auto& [name, value] : headers) found[name] = std::get<std::int64_t>(value.is);
  return found;
}

void expect(const amqp::Message& message, const std::string& exchange, const std::string& key, const json& body) {
  EXPECT_EQ(message.exchange, exchange);
  EXPECT_EQ(message.routing_key, key);
  EXPECT_EQ(json::parse(message.body), body);
  EXPECT_EQ(message.content_type, "application/json");
  EXPECT_TRUE(message.persistent);
  EXPECT_FALSE(message.mandatory) << "nobody has to listen";
  EXPECT_EQ(numbers_of(message.headers),
            (std::map<std::string, std::int64_t>{{"baton-run", 5}, {"baton-fence", 9}, {"baton-n", 1}}));
}

json instrumented(const char* metrics, const json& result, const char* agent) {
  return {{"channel_name", "simcore.services.instrumentation"},
          {"metrics", metrics},
          {"user_id", 7},
          {"project_id", project},
          {"node_id", node},
          {"service_uuid", node},
          {"service_type", "COMPUTATIONAL"},
          {"service_key", "simcore/services/comp/baton/step"},
          {"service_tag", "1.0.0"},
          {"result", result},
          {"simcore_user_agent", agent}};
}

/// As it is told of a run whose metadata say nothing.
json started_without_metadata() {
  return {{"channel_name", "io.simcore.service.tracking"},
          {"service_run_id", std::string("comp_7_") + project + "_" + node + "_2"},
          {"created_at", "1970-01-01T12:00:00.000005Z"},
          {"message_type", "TRACKING_STARTED"},
          {"wallet_id", nullptr},
          {"wallet_name", nullptr},
          {"pricing_plan_id", nullptr},
          {"pricing_unit_id", nullptr},
          {"pricing_unit_cost_id", nullptr},
          {"product_name", "undefined-metadata"},
          {"simcore_user_agent", "undefined"},
          {"user_id", 7},
          {"user_email", "undefined-metadata"},
          {"project_id", project},
          {"project_name", "undefined-metadata"},
          {"node_id", node},
          {"node_name", node},
          {"parent_project_id", project},
          {"parent_node_id", node},
          {"root_parent_project_id", project},
          {"root_parent_project_name", "undefined-metadata"},
          {"root_parent_node_id", node},
          {"service_key", "simcore/services/comp/baton/step"},
          {"service_version", "1.0.0"},
          {"service_type", "computational"},
          {"service_resources",
           {{"container",
             {{"image", "simcore/services/comp/baton/step:1.0.0"},
              {"resources", json::object()},
              {"boot_modes", json::array({"CPU"})}}}}},
          {"service_additional_metadata", json::object()}};
}

TEST(Topics, exchanges_are_declared_as_the_reference_declares_them) {
  std::map<std::string, std::string> types;
  for (const auto& declaration : topics()) {
    const auto& exchange = std::get<amqp::DeclareExchange>(declaration);
    types[exchange.name] = exchange.type;
    EXPECT_TRUE(exchange.durable) << exchange.name;
    EXPECT_FALSE(exchange.auto_delete) << exchange.name;
    EXPECT_TRUE(exchange.arguments.empty()) << exchange.name;
  }
  EXPECT_EQ(types, (std::map<std::string, std::string>{{"simcore.services.logs.v2", "topic"},
                                                       {"simcore.services.progress.v2", "topic"},
                                                       {"io.simcore.service.computation.pipeline-status", "topic"},
                                                       {"simcore.services.instrumentation", "fanout"},
                                                       {"io.simcore.service.tracking", "fanout"}}));
  EXPECT_EQ(std::get<amqp::DeclareExchange>(progress_topic()).name, "simcore.services.progress.v2");
  EXPECT_EQ(std::get<amqp::DeclareExchange>(progress_topic()).type, "topic");
}

TEST(Topics, each_result_of_a_run_is_a_status_of_all_its_nodes) {
  for (const auto& [state, text] : std::map<State, std::string>{{State::published, "PUBLISHED"},
                                                                {State::pending, "PENDING"},
                                                                {State::waiting_for_resources, "WAITING_FOR_RESOURCES"},
                                                                {State::started, "STARTED"},
                                                                {State::success, "SUCCESS"},
                                                                {State::failed, "FAILED"},
                                                                {State::aborted, "ABORTED"}}) {
    const auto messages = messages_of(outgoing(Told::run_result, state));

    ASSERT_EQ(messages.size(), 1u);
    expect(messages[0], "io.simcore.service.computation.pipeline-status", std::string(project) + ".all_nodes",
           {{"channel_name", "io.simcore.service.computation.pipeline-status"},
            {"user_id", 7},
            {"project_id", project},
            {"run_result", text}});
  }
}

TEST(Topics, a_line_of_the_log_of_a_project_goes_by_its_level) {
  for (const std::int32_t level : {20, 30, 40}) {
    auto line = outgoing(Told::run_log);
    line.what.text = "it \"starts\" \xff";  // what is no UTF-8 harms nobody
    line.what.level = level;

    const auto messages = messages_of(line);

    ASSERT_EQ(messages.size(), 1u);
    expect(messages[0], "simcore.services.logs.v2", std::string(project) + "." + std::to_string(level),
           {{"channel_name", "simcore.services.logs.v2"},
            {"user_id", 7},
            {"project_id", project},
            {"node_id", nullptr},
            {"messages", json::array({"it \"starts\" \xEF\xBF\xBD"})},
            {"log_level", level}});
  }
}

TEST(Topics, a_task_that_starts_without_metadata_is_told_with_the_defaults) {
  for (const auto* said : {"", "{}", "no JSON", "[1]",
                           R"({"project_name": 7, "wallet_id": null, "node_id_names_map": [], "project_metadata": {}})"}) {
    auto started = outgoing(Told::task_started, State::started);
    started.metadata = said;

    const auto messages = messages_of(started);

    ASSERT_EQ(messages.size(), 2u);
    expect(messages[0], "io.simcore.service.tracking", "", started_without_metadata());
    expect(messages[1], "simcore.services.instrumentation", "", instrumented("service_started", nullptr, "undefined"));
  }
}

TEST(Topics, a_task_that_starts_is_told_with_what_the_start_said_and_what_the_step_declares) {
  auto started = outgoing(Told::task_started, State::started);
  started.metadata = metadata;
  started.what.resources = {{"cpu", 0.5}, {"ram", 2'147'483'648.0}, {"gpu", 1}, {"licence", 2}};

  const auto messages = messages_of(started);

  auto tracked = started_without_metadata();
  tracked.update({{"wallet_id", 3},
                  {"wallet_name", "purse"},
                  {"product_name", "osparc"},
                  {"simcore_user_agent", "agent/1"},
                  {"user_email", "a@b.c"},
                  {"project_name", "reads"},
                  {"node_name", "align"},
                  {"parent_project_id", "pp"},
                  {"parent_node_id", "pn"},
                  {"root_parent_project_id", "rp"},
                  {"root_parent_project_name", "root"},
                  {"root_parent_node_id", "rn"}});
  tracked["service_resources"]["container"]["resources"] = {{"CPU", {{"limit", 0.5}, {"reservation", 0.5}}},
                                                            {"RAM", {{"limit", 2'147'483'648}, {"reservation", 2'147'483'648}}},
                                                            {"GPU", {{"limit", 1}, {"reservation", 1}}},
                                                            {"licence", {{"limit", 2}, {"reservation", 2}}}};
  ASSERT_EQ(messages.size(), 2u);
  expect(messages[0], "io.simcore.service.tracking", "", tracked);
  EXPECT_TRUE(json::parse(messages[0].body)["service_resources"]["container"]["resources"]["RAM"]["limit"].is_number_integer());
  expect(messages[1], "simcore.services.instrumentation", "", instrumented("service_started", nullptr, "agent/1"));
}

TEST(Topics, a_task_that_stops_is_told_with_its_end_and_whose_fault_it_was) {
  for (const auto state : {State::success, State::failed, State::aborted})
    for (const bool fine : {true, false}) {
      auto stopped = outgoing(Told::task_stopped, state);
      stopped.metadata = metadata;
      stopped.what.platform_ok = fine;

      const auto messages = messages_of(stopped);

      ASSERT_EQ(messages.size(), 2u);
      expect(messages[0], "io.simcore.service.tracking", "",
             {{"channel_name", "io.simcore.service.tracking"},
              {"service_run_id", std::string("comp_7_") + project + "_" + node + "_2"},
              {"created_at", "1970-01-01T12:00:00.000005Z"},
              {"message_type", "TRACKING_STOPPED"},
              {"simcore_platform_status", fine ? "OK" : "BAD"}});
      expect(messages[1], "simcore.services.instrumentation", "",
             instrumented("service_stopped", std::string(core::to_text(state)), "agent/1"));
    }
}

TEST(Topics, progress_is_of_a_node_and_need_not_arrive) {
  const auto message = progress_of({UserId(7), ProjectId(project), Iteration(2)}, NodeId(node), 0.25);

  EXPECT_EQ(message.exchange, "simcore.services.progress.v2");
  EXPECT_EQ(message.routing_key, std::string(project) + "." + node);
  EXPECT_FALSE(message.persistent);
  EXPECT_FALSE(message.mandatory);
  EXPECT_EQ(json::parse(message.body),
            (json{{"channel_name", "simcore.services.progress.v2"},
                  {"user_id", 7},
                  {"project_id", project},
                  {"node_id", node},
                  {"progress_type", "COMPUTATION_RUNNING"},
                  {"report", {{"actual_value", 0.25}, {"total", 1}, {"attempt", 0}, {"unit", nullptr}, {"message", nullptr}}}}));
}

}  // namespace
}  // namespace baton::events
