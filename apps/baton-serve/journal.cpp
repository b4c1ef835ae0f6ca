#include "journal.hpp"

#include <utility>

namespace baton::serve {
namespace {

using telemetry::Level;
constexpr core::Duration trouble_pause = std::chrono::seconds(5);

}  // namespace

void Journal::written(const core::Run& run, const core::Decision& decision, Fence fence) {
  const auto key = core::to_text(run.definition().key);
  const auto number = std::to_string(fence.value());
  for (const auto& record : decision.tasks) {
    const auto& before = run.task(record.task);
    if (record.state == before.state && record.attempt == before.attempt) continue;
    std::vector<telemetry::Field> fields{{"run", key},
                                         {"node", run.definition_of(record.task).node.id.value()},
                                         {"state", std::string(core::to_text(record.state))},
                                         {"was", std::string(core::to_text(before.state))},
                                         {"attempt", std::to_string(record.attempt)},
                                         {"fence", number}};
    const bool bad = record.state == core::State::failed;
    if (bad && !record.errors.empty())
      fields.insert(fields.end(), {{"code", record.errors.front().code}, {"what", record.errors.front().what}});
    log_.line(bad ? Level::warning : Level::info, "task", fields);
  }
  if (decision.result != run.record().result)
    log_.line(Level::info, "run",
              {{"run", key},
               {"result", std::string(core::to_text(decision.result))},
               {"was", std::string(core::to_text(run.record().result))},
               {"fence", number}});
}

void Journal::held(const core::RunKey& run, const Error& why) {
  log_.error(Level::warning, "held", why, {{"run", core::to_text(run)}});
}

void Journal::asked(std::string_view what, const core::RunKey& run) {
  log_.line(Level::info, what, {{"run", core::to_text(run)}});
}

void Journal::trouble(const std::string& event, const Error& error) {
  const auto now = runtime_.steady();
  const auto [told, fresh] = told_.try_emplace(event + ' ' + error.code);
  if (!fresh && now < told->second.at + trouble_pause) {
    ++told->second.kept_back;
    return;
  }
  std::vector<telemetry::Field> fields;
  if (const auto more = std::exchange(told->second.kept_back, 0); more > 0) fields.emplace_back("again", std::to_string(more));
  told->second.at = now;
  log_.error(Level::warning, event, error, fields);
}

}  // namespace baton::serve
