#include "events/rabbitmq/topics.hpp"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "core/time_text.hpp"

namespace baton::events {
namespace {

using nlohmann::json;

constexpr const char* logs = "simcore.services.logs.v2";
constexpr const char* progress = "simcore.services.progress.v2";
constexpr const char* status = "io.simcore.service.computation.pipeline-status";
constexpr const char* instrumentation = "simcore.services.instrumentation";
constexpr const char* tracking = "io.simcore.service.tracking";
constexpr const char* step_key = "simcore/services/comp/baton/step";
constexpr const char* step_version = "1.0.0";
constexpr const char* unknown_text = "undefined-metadata";

std::string text_of(const json& body) { return body.dump(-1, ' ', false, json::error_handler_t::replace); }

/// A field of the run's metadata (C§5.7), of the type of `otherwise`, or that.
json field(const json& metadata, const char* name, json otherwise) {
  const auto found = metadata.find(name);
  if (found == metadata.end() || found->is_null()) return otherwise;
  return otherwise.is_null() || found->type() == otherwise.type() || (found->is_number() && otherwise.is_number()) ? *found
                                                                                                                   : otherwise;
}

json metadata_of(const Outgoing& outgoing) {
  auto metadata = json::parse(outgoing.metadata, nullptr, false);
  return metadata.is_object() ? metadata : json::object();
}

json base_of(const Outgoing& outgoing, const char* channel) {
  return {{"channel_name", channel}, {"user_id", outgoing.run.user.value()}, {"project_id", outgoing.run.project.value()}};
}

amqp::Message message(const Outgoing& outgoing, const char* exchange, std::string key, const json& body) {
  return {.exchange = exchange,
          .routing_key = std::move(key),
          .body = text_of(body),
          .mandatory = false,  // nobody has to listen
          .headers = {{"baton-run", outgoing.run_id.value()},
                      {"baton-fence", outgoing.fence.value()},
                      {"baton-n", std::int64_t{outgoing.n}}}};
}

std::string service_run_id(const Outgoing& outgoing) {
  return "comp_" + std::to_string(outgoing.run.user.value()) + '_' + outgoing.run.project.value() + '_' + outgoing.node.value() +
         '_' + std::to_string(outgoing.run.iteration.value());
}

/// What the step declares, in the reference's words; a resource of the user's own keeps its name. Everything is both limit and reservation.
json service_resources(const core::Resources& resources) {
  static const std::map<std::string_view, const char*> names{{"cpu", "CPU"}, {"ram", "RAM"}, {"gpu", "GPU"}, {"vram", "VRAM"}};
  auto amounts = json::object();
  for (const auto& [name, amount] : resources) {
    const auto known = names.find(name);
    const bool whole = amount == std::floor(amount) && std::abs(amount) <= 9'007'199'254'740'992;
    const json value = whole ? json(static_cast<std::int64_t>(amount)) : json(amount);
    amounts[known == names.end() ? name : known->second] = {{"limit", value}, {"reservation", value}};
  }
  return {
      {"container",
       {{"image", std::string(step_key) + ':' + step_version}, {"resources", amounts}, {"boot_modes", json::array({"CPU"})}}}};
}

json tracking_started(const Outgoing& outgoing, const json& metadata) {
  const auto names = field(metadata, "node_id_names_map", json::object());
  const auto parents = field(metadata, "project_metadata", json::object());
  const auto project = outgoing.run.project.value();
  const auto node = outgoing.node.value();
  const auto project_name = field(metadata, "project_name", unknown_text);
  return {{"channel_name", tracking},
          {"service_run_id", service_run_id(outgoing)},
          {"created_at", core::to_text(outgoing.what.at)},
          {"message_type", "TRACKING_STARTED"},
          {"wallet_id", field(metadata, "wallet_id", nullptr)},
          {"wallet_name", field(metadata, "wallet_name", nullptr)},
          {"pricing_plan_id", nullptr},
          {"pricing_unit_id", nullptr},
          {"pricing_unit_cost_id", nullptr},
          {"product_name", field(metadata, "product_name", unknown_text)},
          {"simcore_user_agent", field(metadata, "simcore_user_agent", "undefined")},
          {"user_id", outgoing.run.user.value()},
          {"user_email", field(metadata, "user_email", unknown_text)},
          {"project_id", project},
          {"project_name", project_name},
          {"node_id", node},
          {"node_name", field(names, node.c_str(), node)},
          {"parent_project_id", field(parents, "parent_project_id", project)},
          {"parent_node_id", field(parents, "parent_node_id", node)},
          {"root_parent_project_id", field(parents, "root_parent_project_id", project)},
          {"root_parent_project_name", field(parents, "root_parent_project_name", project_name)},
          {"root_parent_node_id", field(parents, "root_parent_node_id", node)},
          {"service_key", step_key},
          {"service_version", step_version},
          {"service_type", "computational"},
          {"service_resources", service_resources(outgoing.what.resources)},
          {"service_additional_metadata", json::object()}};
}

json instrumented(const Outgoing& outgoing, const json& metadata, bool started) {
  auto body = base_of(outgoing, instrumentation);
  body.update({{"metrics", started ? "service_started" : "service_stopped"},
               {"node_id", outgoing.node.value()},
               {"service_uuid", outgoing.node.value()},
               {"service_type", "COMPUTATIONAL"},
               {"service_key", step_key},
               {"service_tag", step_version},
               {"result", started ? json() : json(core::to_text(outgoing.what.state))},
               {"simcore_user_agent", field(metadata, "simcore_user_agent", "undefined")}});
  return body;
}

}  // namespace

amqp::Declaration progress_topic() { return amqp::DeclareExchange{.name = progress, .type = "topic", .arguments = {}}; }

std::vector<amqp::Declaration> topics() {
  return {amqp::DeclareExchange{.name = logs, .type = "topic", .arguments = {}}, progress_topic(),
          amqp::DeclareExchange{.name = status, .type = "topic", .arguments = {}},
          amqp::DeclareExchange{.name = instrumentation, .arguments = {}},
          amqp::DeclareExchange{.name = tracking, .arguments = {}}};
}

std::vector<amqp::Message> messages_of(const Outgoing& outgoing) {
  const auto metadata = metadata_of(outgoing);
  const auto& project = outgoing.run.project.value();
  switch (outgoing.what.what) {
    case core::Told::run_result: {
      auto body = base_of(outgoing, status);
      body["run_result"] = core::to_text(outgoing.what.state);
      return {message(outgoing, status, project + ".all_nodes", body)};
    }
    case core::Told::task_started:
      return {message(outgoing, tracking, "", tracking_started(outgoing, metadata)),
              message(outgoing, instrumentation, "", instrumented(outgoing, metadata, true))};
    case core::Told::task_stopped:
      return {message(outgoing, tracking, "",
                      {{"channel_name", tracking},
                       {"service_run_id", service_run_id(outgoing)},
                       {"created_at", core::to_text(outgoing.what.at)},
                       {"message_type", "TRACKING_STOPPED"},
                       {"simcore_platform_status", outgoing.what.platform_ok ? "OK" : "BAD"}}),
              message(outgoing, instrumentation, "", instrumented(outgoing, metadata, false))};
    case core::Told::run_log: {
      auto body = base_of(outgoing, logs);
      body.update({{"node_id", nullptr}, {"messages", json::array({outgoing.what.text})}, {"log_level", outgoing.what.level}});
      return {message(outgoing, logs, project + '.' + std::to_string(outgoing.what.level), body)};
    }
  }
  BATON_UNREACHABLE();
}

amqp::Message progress_of(const core::RunKey& run, const NodeId& node, double value) {
  const json body{{"channel_name", progress},
                  {"user_id", run.user.value()},
                  {"project_id", run.project.value()},
                  {"node_id", node.value()},
                  {"progress_type", "COMPUTATION_RUNNING"},
                  {"report", {{"actual_value", value}, {"total", 1}, {"attempt", 0}, {"unit", nullptr}, {"message", nullptr}}}};
  return {.exchange = progress,
          .routing_key = run.project.value() + '.' + node.value(),
          .body = text_of(body),
          .persistent = false,
          .mandatory = false};
}

}  // namespace baton::events
