#include "settings/settings.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <utility>

namespace baton::settings {
namespace {

constexpr std::int64_t day_ms = 86'400'000;

constexpr auto list = std::to_array<Setting>({
    {.name = "BATON_LISTEN",
     .flag = "--listen",
     .fallback = "127.0.0.1:8000",
     .text = "address of the HTTP interface: a loopback one; port 0 takes a free one"},
    {.name = "BATON_TOKEN", .secret = true, .text = "what clients show; empty: one is made and kept in a file of the user's"},
    {.name = "BATON_TOKEN_FILE", .text = "where that file is; empty: ~/.config/baton/token"},
    {.name = "BATON_DATA",
     .flag = "--data",
     .kind = Kind::paths,
     .text = "folders whose files may be read, and in whose first one `baton-out` is"},
    {.name = "BATON_STATE", .flag = "--state", .text = "state directory of local jobs; empty: .baton in the first data folder"},
    {.name = "BATON_STATE_MOVED", .text = "the state directory of before, where it is gone for ever, with what ran there"},
    {.name = "BATON_LOCAL_BACKEND",
     .flag = "--local-backend",
     .kind = Kind::truth,
     .fallback = "0",
     .text = "runs steps as processes of this host: for one tenant alone"},
    {.name = "BATON_JOBS",
     .flag = "--jobs",
     .kind = Kind::number,
     .fallback = "0",
     .least = 0,
     .most = 100'000,
     .text = "local jobs at a time; 0: as many as there are CPUs"},
    {.name = "POSTGRES_HOST", .fallback = "127.0.0.1", .needed = true, .text = "PostgreSQL"},
    {.name = "POSTGRES_PORT", .kind = Kind::number, .fallback = "5432", .least = 1, .most = 65'535, .text = ""},
    {.name = "POSTGRES_USER", .needed = true, .text = ""},
    {.name = "POSTGRES_PASSWORD", .secret = true, .text = ""},
    {.name = "POSTGRES_DB", .needed = true, .text = ""},
    {.name = "BATON_POSTGRES_CONNECTIONS",
     .kind = Kind::number,
     .fallback = "8",
     .least = 1,
     .most = 1'000,
     .text = "connections that all workers share"},
    {.name = "BATON_MIGRATE",
     .flag = "--migrate",
     .kind = Kind::truth,
     .fallback = "1",
     .text = "brings the tables up to date at the start"},
    {.name = "RABBIT_HOST", .fallback = "127.0.0.1", .needed = true, .text = "RabbitMQ"},
    {.name = "RABBIT_PORT", .kind = Kind::number, .fallback = "5672", .least = 1, .most = 65'535, .text = ""},
    {.name = "RABBIT_USER", .fallback = "guest", .needed = true, .text = ""},
    {.name = "RABBIT_PASSWORD", .fallback = "guest", .secret = true, .text = ""},
    {.name = "RABBIT_SECURE", .kind = Kind::truth, .fallback = "0", .text = "TLS: not there yet, must be 0"},
    {.name = "BATON_QUEUE",
     .fallback = "simcore.services.director-v2.scheduling",
     .needed = true,
     .text = "the shared queue of wake-ups"},
    {.name = "BATON_EXCHANGE", .text = "its exchange; empty: named like the queue"},
    {.name = "BATON_QUEUE_TTL",
     .kind = Kind::duration,
     .fallback = "15min",
     .least = 1,
     .most = 30 * day_ms,
     .text = "x-message-ttl of the queue: of a message that nobody takes; a queue that is there must have the same"},
    {.name = "BATON_QUEUE_RETRY_DELAY",
     .kind = Kind::duration,
     .fallback = "1s",
     .least = 1,
     .most = day_ms,
     .text = "x-message-ttl of `delayed_<queue>`, likewise"},
    {.name = "REDIS_HOST", .fallback = "127.0.0.1", .needed = true, .text = "Redis"},
    {.name = "REDIS_PORT", .kind = Kind::number, .fallback = "6379", .least = 1, .most = 65'535, .text = ""},
    {.name = "REDIS_USER", .text = ""},
    {.name = "REDIS_PASSWORD", .secret = true, .text = ""},
    {.name = "REDIS_SECURE", .kind = Kind::truth, .fallback = "0", .text = "TLS: not there yet, must be 0"},
    {.name = "COMPUTATIONAL_BACKEND_SCHEDULING_CONCURRENCY",
     .kind = Kind::number,
     .fallback = "50",
     .least = 1,
     .most = 10'000,
     .text = "workers of this replica"},
    {.name = "COMPUTATIONAL_BACKEND_MAX_TASK_RETRIES",
     .kind = Kind::number,
     .fallback = "1",
     .least = 0,
     .most = 1'000'000,
     .text = "new attempts after lost ones, where a pipeline does not say `retries: {lost: N}`"},
    {.name = "BATON_SCHEDULING_INTERVAL",
     .kind = Kind::duration,
     .fallback = "5s",
     .least = 100,
     .most = day_ms,
     .text = "how often the manager looks for what is due"},
    {.name = "BATON_LOCK_LIFE",
     .kind = Kind::duration,
     .fallback = "10s",
     .least = 1'000,
     .most = day_ms,
     .text = "life of a lock; it is renewed at a third of it"},
    {.name = "BATON_CANCEL_PATIENCE",
     .kind = Kind::duration,
     .fallback = "10min",
     .least = 0,
     .most = 30 * day_ms,
     .text = "after so long a cancelled run ends, also with jobs that are not confirmed dead"},
    {.name = "BATON_ADOPT",
     .kind = Kind::truth,
     .fallback = "1",
     .text = "runs that another service inserts into the tables are scheduled"},
    {.name = "BATON_RETENTION",
     .kind = Kind::duration,
     .fallback = "30d",
     .least = 60'000,
     .most = 3'660 * day_ms,
     .text = "runs that ended longer ago are forgotten, but for the newest of each project"},
    {.name = "BATON_OUTBOX_MAX",
     .kind = Kind::number,
     .fallback = "100000",
     .least = 1,
     .most = 1'000'000,
     .text = "messages that wait to be told; with more no run is started, those that were go on"},
    {.name = "BATON_OPEN_RUNS_MAX",
     .kind = Kind::number,
     .fallback = "10000",
     .least = 1,
     .most = 1'000'000,
     .text = "open runs of one user; with more he starts none"},
    {.name = "BATON_LOG_FORMAT", .flag = "--log-format", .fallback = "text", .needed = true, .text = "`text` or `json`"},
});

const Setting* find(std::string_view name) {
  const auto found = std::ranges::find(list, name, &Setting::name);
  return found == list.end() ? nullptr : &*found;
}

std::optional<std::int64_t> number_from(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), number);
  return wrong == std::errc() && end == text.data() + text.size() ? std::optional(number) : std::nullopt;
}

std::optional<bool> truth_from(std::string_view text) {
  for (const auto* yes : {"1", "true", "True", "yes", "on"})
    if (text == yes) return true;
  for (const auto* no : {"0", "false", "False", "no", "off", ""})
    if (text == no) return false;
  return std::nullopt;
}

/// What is wrong with it; empty: nothing.
std::string complaint(const Setting& setting, const std::string& text) {
  if (text.empty()) return setting.needed ? "it must be set" : "";
  std::optional<std::int64_t> amount;
  std::string unit;
  switch (setting.kind) {
    case Kind::text:
    case Kind::paths: return {};
    case Kind::truth: return truth_from(text) ? "" : "it is neither 0 nor 1";
    case Kind::number: amount = number_from(text); break;
    case Kind::duration:
      if (const auto duration = duration_from(text)) amount = duration->count() / 1000;
      unit = " ms";
      break;
  }
  if (!amount) return setting.kind == Kind::number ? "it is not a number" : "it is not a time such as 5s or 10min";
  if (*amount < setting.least || *amount > setting.most)
    return "it is not within " + std::to_string(setting.least) + unit + " and " + std::to_string(setting.most) + unit;
  return {};
}

Error bad(const Setting& setting, const std::string& value, const std::string& source, const std::string& complaint) {
  const auto shown = setting.secret ? std::string("***") : value;
  return {.code = value.empty() ? "settings.missing" : "settings.bad_value",
          .what = std::string(setting.name) + (value.empty() ? " is not set: " : "='" + shown + "': ") + complaint,
          .where = source,
          .way_out = setting.text.empty() ? std::string() : std::string(setting.name) + ": " + std::string(setting.text)};
}

}  // namespace

std::span<const Setting> all() { return list; }

std::optional<core::Duration> duration_from(std::string_view text) {
  if (int hours = 0, minutes = 0, seconds = 0, end = 0;
      std::sscanf(std::string(text).c_str(), "%2d:%2d:%2d%n", &hours, &minutes, &seconds, &end) == 3 &&  // NOLINT(cert-err34-c)
      static_cast<std::size_t>(end) == text.size())
    return std::chrono::hours(hours) + std::chrono::minutes(minutes) + std::chrono::seconds(seconds);
  double amount = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), amount);
  if (wrong != std::errc() || !(amount >= 0 && amount < 1e9)) return std::nullopt;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  constexpr std::pair<std::string_view, double> units[] = {{"", 1e6},    {"s", 1e6},   {"ms", 1e3},   {"us", 1.0},
                                                           {"min", 6e7}, {"h", 3.6e9}, {"d", 8.64e10}};
  for (const auto& [name, microseconds] : units)
    if (unit == name) return core::Duration(static_cast<std::int64_t>(amount * microseconds));
  return std::nullopt;
}

Settings Settings::gather(const Sources& sources) {
  Settings settings;
  for (const auto& [name, value] : sources.file)
    if (find(name) == nullptr)
      settings.complaints_.push_back({.code = "settings.unknown",
                                      .what = "there is no setting '" + name + "'",
                                      .where = sources.file_name,
                                      .way_out = "`baton serve --print-config` shows all of them"});
  for (const auto& name : sources.environment_names)
    if ((name.starts_with("BATON_") || name.starts_with("COMPUTATIONAL_BACKEND_")) && find(name) == nullptr &&
        name != "BATON_SERVER")
      settings.ignored_.push_back(name);
  for (const auto& setting : list) {
    const std::string name(setting.name);
    Value value{.text = std::string(setting.fallback), .source = "default"};
    if (const auto found = sources.file.find(name); found != sources.file.end()) value = {found->second, sources.file_name};
    if (const auto found = sources.environment(name); found && !found->empty()) value = {*found, "environment"};
    if (const auto found = sources.flags.find(name); found != sources.flags.end())
      value = {found->second, setting.flag.empty() ? "command line" : std::string(setting.flag)};
    if (const auto wrong = complaint(setting, value.text); !wrong.empty())
      settings.complaints_.push_back(bad(setting, value.text, value.source, wrong));
    settings.values_.emplace(name, std::move(value));
  }
  return settings;
}

Result<Settings> Settings::read(const Sources& sources) {
  auto settings = gather(sources);
  if (!settings.complaints_.empty()) return fail(settings.complaints_.front());
  return settings;
}

const std::string& Settings::text(std::string_view name) const {
  const auto found = values_.find(name);
  BATON_ASSERT(found != values_.end());
  return found->second.text;
}
std::int64_t Settings::number(std::string_view name) const { return number_from(text(name)).value_or(0); }
core::Duration Settings::duration(std::string_view name) const {
  return duration_from(text(name)).value_or(core::Duration::zero());
}
bool Settings::truth(std::string_view name) const { return truth_from(text(name)).value_or(false); }

std::vector<std::string> Settings::paths(std::string_view name) const {
  std::vector<std::string> all;
  std::string_view rest = text(name);
  while (!rest.empty()) {
    const auto end = rest.find(':');
    if (end != 0) all.emplace_back(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  }
  return all;
}

std::string Settings::show() const {
  std::string shown;
  for (const auto& setting : list) {
    const auto& value = values_.find(setting.name)->second;
    shown +=
        std::string(setting.name) + '=' + (setting.secret && !value.text.empty() ? "***" : value.text) + "  # " + value.source;
    shown += setting.text.empty() ? "\n" : ": " + std::string(setting.text) + '\n';
  }
  return shown;
}

}  // namespace baton::settings
