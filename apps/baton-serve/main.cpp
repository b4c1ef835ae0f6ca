/// The binary of a service: `baton serve` and `baton migrate`, which `baton` becomes for them.
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "arguments.hpp"
#include "backend/local/keeper.hpp"
#ifdef BATON_FAILPOINTS
#include "failpoints.hpp"
#endif
#include "interrupts.hpp"
#include "machine.hpp"
#include "replica.hpp"
#include "store/postgres/migrate.hpp"

namespace {

using namespace baton;

constexpr int exit_bad_input = 2, exit_surroundings = 4;
constexpr std::chrono::seconds drain_max{8};  // from SIGTERM to the end, also when a server does not answer

void print(std::FILE* where, const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), where);
  std::fflush(where);
}

int tell(const Error& error) {
  auto text = "error: " + error.what + '\n';
  if (!error.where.empty()) text += "  " + error.where + '\n';
  if (!error.way_out.empty()) text += "  " + error.way_out + '\n';
  print(stderr, text + "  [" + error.code + "]\n");
  return error.code.starts_with("settings.") ? exit_bad_input : exit_surroundings;
}

std::string replica_id(Runtime& runtime) {
  return host_name() + '-' + std::to_string(::getpid()) + '-' + runtime.uuid().substr(0, 8);
}

awaitable<void> run_replica(serve::Replica& replica, int& code) {
  const auto started = co_await replica.start();
  if (!started) {
    code = tell(started.error());
    co_return;
  }
  print(stdout, "serving on port " + std::to_string(replica.port()) + '\n');
  const auto served = co_await replica.serve();
  if (!served) code = tell(served.error());
}

int run_serve(AsioRuntime& runtime, settings::Settings settings, std::string id) {
  auto setup = serve::setup_from(std::move(settings), std::move(id));
  if (!setup) return tell(setup.error());
  telemetry::Log log({.json = setup->settings.text("BATON_LOG_FORMAT") == "json",
                      .replica = setup->replica,
                      .clock = [&runtime] { return runtime.wall(); },
                      .out = [](const std::string& line) { print(stderr, line); }});
  for (const auto& name : setup->settings.ignored()) log.line(telemetry::Level::warning, "setting.ignored", {{"name", name}});
  serve::Replica replica(runtime, std::move(*setup), log);
  InterruptSignals signals(runtime.io());
  boost::asio::steady_timer last(runtime.io());
  bool draining = false;
  const auto drain = [&](int code_after_all) {
    replica.stop();
    if (std::exchange(draining, true)) return;
    last.expires_after(drain_max);
    last.async_wait([&log, code_after_all](boost::system::error_code cancelled) {
      if (cancelled) return;
      log.line(telemetry::Level::warning, "stopped", {{"what", "passes under way were left: another replica fences them"}});
      ::_exit(code_after_all);
    });
  };
  signals.on_interrupt([&] { drain(0); });
  replica.on_refused([&] { drain(exit_surroundings); });
  int code = 0;
  runtime.run(run_replica(replica, code));
  return code;
}

awaitable<void> run_migrate(AsioRuntime& runtime, postgres::Options database, bool check, int& code) {
  const auto executor = runtime.io().get_executor();
  auto migrated = co_await (check ? check_migrations(executor, database) : migrate(executor, database));
  if (!migrated) {
    code = tell(migrated.error());
    co_return;
  }
  for (const auto& table : migrated->existed) print(stdout, "left alone but for added columns: " + table + '\n');
  for (const auto& name : migrated->applied) print(stdout, (check ? "missing: " : "applied: ") + name + '\n');
  if (migrated->applied.empty())
    print(stdout, "nothing is missing: the tables are of version " + std::to_string(migrated->to) + '\n');
  code = check && !migrated->applied.empty() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (words.size() == 3 && words[0] == "keeper" && words[1] == "--state")
    return local::keeper_main({.state = words[2], .connection = 3});
  std::signal(SIGPIPE, SIG_IGN);
#ifdef BATON_FAILPOINTS
  if (words.size() == 2 && words[1] == "--list-failpoints") {
    for (const auto name : serve::failpoint_names()) print(stdout, std::string(name) + '\n');
    return 0;
  }
#endif

  auto parsed = serve::parse_arguments(words);
  if (const auto* answer = std::get_if<serve::Answer>(&parsed)) {
    print(answer->code == 0 ? stdout : stderr, answer->text);
    return answer->code;
  }
  const auto& options = std::get<serve::Options>(parsed);
  if (options.print_config) {
    const auto settings = settings::Settings::gather(options.sources);
    print(stdout, settings.show());
    int shown = 0;
    for (const auto& complaint : settings.complaints()) shown = tell(complaint);
    return shown;
  }
  auto settings = settings::Settings::read(options.sources);
  if (!settings) return tell(settings.error());
  AsioRuntime runtime;
  auto id = replica_id(runtime);
  if (options.verb == serve::Verb::serve) return run_serve(runtime, std::move(*settings), std::move(id));
  int code = 0;
  runtime.run(run_migrate(runtime, serve::database_of(*settings, id), options.check, code));
  return code;
}
