/// The figures of /metrics: counted where things happen, or asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "scheduling/pass.hpp"
#include "store/postgres/postgres_store.hpp"
#include "telemetry/metrics.hpp"

namespace baton {
class RabbitQueue;
class RedisLock;
namespace local {
class LocalBackend;
}
}  // namespace baton

namespace baton::serve {

class Figures {
 public:
  Figures(const PostgresStore& store, const RabbitQueue& queue, const RedisLock& lock, const local::LocalBackend& backend);

  void passed(const PassResult& result, core::Duration took);
  void written(const core::Decision& decision);
  void stalled(core::Duration by);
  /// Of the database and the shared queue, which all replicas have in common; none: they were asked and did not answer.
  void backlog(std::optional<PostgresStore::Backlog> backlog) { backlog_ = std::move(backlog); }
  void queue_depth(std::optional<std::uint32_t> messages) { depth_ = messages; }
  [[nodiscard]] std::string text() const { return metrics_.text(); }

 private:
  void show_backlog(const char* name, const char* help, double (*figure)(const PostgresStore::Backlog&));

  std::optional<PostgresStore::Backlog> backlog_;
  std::optional<std::uint32_t> depth_;
  telemetry::Metrics metrics_;
  telemetry::Counter &committed_, &over_, &backing_off_, &fenced_, &unavailable_;
  telemetry::Counter &submitted_, &ended_, &stalls_;
  telemetry::Histogram &took_, &waited_;
};

}  // namespace baton::serve
