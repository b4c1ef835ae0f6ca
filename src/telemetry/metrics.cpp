#include "telemetry/metrics.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace baton::telemetry {
namespace {

constexpr auto bounds = std::to_array<double>({0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10});

std::string number(double value) {
  if (std::isnan(value)) return "NaN";  // not known now
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.10g", value);
  return text.data();
}

}  // namespace

Histogram::Histogram() : counts_(bounds.size() + 1) {}

void Histogram::record(core::Duration took) {
  const auto seconds = std::chrono::duration<double>(took).count();
  sum_ += seconds;
  ++counts_[static_cast<std::size_t>(std::ranges::lower_bound(bounds, seconds) - bounds.begin())];
}

void Metrics::add(std::string name, std::string help, std::string type, std::string labels,
                  std::function<void(const Figure&, std::string&)> write) {
  figures_.push_back({std::move(name), std::move(help), std::move(type), std::move(labels), std::move(write)});
}

Counter& Metrics::counter(std::string name, std::string help, std::string labels) {
  auto& counter = counters_.emplace_back();
  add(std::move(name), std::move(help), "counter", std::move(labels), [&counter](const Figure& figure, std::string& out) {
    out += figure.name + figure.labels + ' ' + std::to_string(counter.value()) + '\n';
  });
  return counter;
}

Histogram& Metrics::histogram(std::string name, std::string help) {
  auto& histogram = histograms_.emplace_back();
  add(std::move(name), std::move(help), "histogram", {}, [&histogram](const Figure& figure, std::string& out) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < histogram.counts().size(); ++i) {
      total += histogram.counts()[i];
      out += figure.name + "_bucket{le=\"" + (i < bounds.size() ? number(bounds.at(i)) : "+Inf") + "\"} " +
             std::to_string(total) + '\n';
    }
    out += figure.name + "_sum " + number(histogram.sum_seconds()) + '\n';
    out += figure.name + "_count " + std::to_string(total) + '\n';
  });
  return histogram;
}

void Metrics::gauge(std::string name, std::string help, std::function<double()> value, std::string labels) {
  add(std::move(name), std::move(help), "gauge", std::move(labels),
      [value = std::move(value)](const Figure& figure, std::string& out) {
        out += figure.name + figure.labels + ' ' + number(value()) + '\n';
      });
}

void Metrics::counted(std::string name, std::string help, std::function<double()> value) {
  add(std::move(name), std::move(help), "counter", {},
      [value = std::move(value)](const Figure& figure, std::string& out) { out += figure.name + ' ' + number(value()) + '\n'; });
}

std::string Metrics::text() const {
  std::string text;
  const std::string* last = nullptr;
  for (const auto& figure : figures_) {  // those of one name, with other labels, follow one another
    if (last == nullptr || *last != figure.name)
      text += "# HELP " + figure.name + ' ' + figure.help + "\n# TYPE " + figure.name + ' ' + figure.type + '\n';
    last = &figure.name;
    figure.write(figure, text);
  }
  return text;
}

}  // namespace baton::telemetry
