/// One replica: the house of a service, built from the bottom up and stopped from the top down.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/router.hpp"
#include "api/server.hpp"
#include "api/watcher.hpp"
#include "backend/local/local_backend.hpp"
#include "events/rabbitmq/rabbit_events.hpp"
#include "figures.hpp"
#include "files/posix/posix_files.hpp"
#include "journal.hpp"
#include "limits.hpp"
#include "lock/redis/redis_lock.hpp"
#include "queue/rabbitmq/rabbit_queue.hpp"
#include "runtime/asio/asio_runtime.hpp"
#include "scheduling/manager.hpp"
#include "scheduling/worker.hpp"
#include "settings/settings.hpp"
#include "store/postgres/postgres_store.hpp"

namespace baton::serve {

/// What is settled before anything is built.
struct Setup {
  settings::Settings settings;
  std::string replica;            ///< its id: of this process alone
  std::string token;              ///< what clients show
  std::string host;               ///< of the HTTP interface …
  std::uint16_t port = 0;         ///< … and its port
  std::vector<std::string> data;  ///< absolute
  std::string state;              ///< absolute
};
/// Checks what no single setting shows. Errors: settings.*, api.token_file.
[[nodiscard]] Result<Setup> setup_from(settings::Settings settings, std::string replica);
/// How the database is reached.
[[nodiscard]] postgres::Options database_of(const settings::Settings& settings, const std::string& replica);

class Replica {
 public:
  Replica(AsioRuntime& runtime, Setup setup, telemetry::Log& log);

  /// Tables, the proof of life, the port. Errors: those of migrate, local::identity_of, PostgresStore::join_at and api::Server::listen.
  awaitable<Result<void>> start();
  /// Serves until stop(), then drains: passes in flight end, what was not begun is handed back, and this replica is gone for all others.
  /// Error: why it could not go on (store.other_keeper).
  awaitable<Result<void>> serve();
  void stop();
  /// Told when it must end by itself, see serve(): to stop it, and not to wait for long.
  void on_refused(std::function<void()> refused) { refused_ = std::move(refused); }
  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

 private:
  WorkerOptions worker_options();
  ManagerOptions manager_options();
  RelayOptions relay_options();
  awaitable<void> watch_store();
  awaitable<void> watch_backlog();
  awaitable<void> forget_what_is_old();
  awaitable<void> adopt_what_others_inserted();
  awaitable<void> watch_loop();
  void end_for(const Error& why);
  [[nodiscard]] api::Health health() const;

  AsioRuntime& runtime_;
  Setup setup_;
  telemetry::Log& log_;
  Journal journal_;
  PostgresStore store_;
  RabbitQueue queue_;
  RedisLock lock_;
  RabbitEvents events_;
  PosixFiles files_;
  local::LocalBackend backend_;
  Figures figures_;
  Limits limits_;
  api::Watcher watcher_;
  Relay relay_;
  Worker worker_;
  Manager manager_;
  api::Place place_;
  api::Server server_;
  std::unique_ptr<Gate> gate_;
  std::unique_ptr<Event> stopped_;
  bool store_answers_ = true, stopping_ = false;
  std::optional<Error> ended_for_;
  std::function<void()> refused_ = [] {};
};

}  // namespace baton::serve
