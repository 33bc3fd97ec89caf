#include "app/price_table.h"

#include <set>

// The table is data, kept as a file that people read and replace: the assembler takes it in.
__asm__(
    ".section .rodata\n"
    ".global drover_prices_begin\n"
    ".global drover_prices_end\n"
    "drover_prices_begin:\n"
    ".incbin \"" DROVER_SOURCE_DIR
    "/catalog/prices.yaml\"\n"
    "drover_prices_end:\n"
    ".byte 0\n"
    ".previous\n");

extern "C" {
extern const char drover_prices_begin[];
extern const char drover_prices_end[];
}

namespace drover::app {

std::string_view built_in_prices() {
  return {drover_prices_begin, static_cast<size_t>(drover_prices_end - drover_prices_begin)};
}

void read_prices(const Json& root, const ConfigPath& in_folder, const ReadFile& read_file,
                 const AddFault& fault, Config& out) {
  catalog::PriceBook book;
  std::vector<std::pair<std::string, std::string>> files;  // place, path
  if (const Json* named = root.find("prices"); named != nullptr && !named->is_null()) {
    if (named->string() != nullptr) files.emplace_back("prices", *named->string());
    const Json::Array* items = named->array_items();
    for (size_t i = 0; items != nullptr && i < items->size(); ++i) {
      const std::string* path = (*items)[i].string();
      const std::string at = "prices[" + std::to_string(i) + "]";
      if (path == nullptr)
        fault(at, "a table of prices is named by its file", "prices: [mine.yaml]");
      if (path != nullptr) files.emplace_back(at, *path);
    }
    if (files.empty() && items == nullptr) {
      fault("prices", "'prices' is a file or a list of files", "prices: [mine.yaml]");
    }
  }
  for (const auto& [at, path] : files) {
    auto text = read_file(in_folder(path));
    if (!text) {
      fault(at, text.error().message, "a table as catalog/prices.yaml, or LiteLLM's");
      continue;
    }
    auto doc = YamlDocument::parse(*text);
    if (!doc) {
      fault(at, path + ": " + doc.error().message, "");
      continue;
    }
    book.append(
        catalog::PriceBook::read(doc->root(), [&](const std::string& where, std::string message) {
          const int line = doc->line(where);
          fault(at, path + (line > 0 ? ":" + std::to_string(line) : "") + ": " + message, "");
        }));
  }
  static const catalog::PriceBook built_in = [] {
    auto doc = YamlDocument::parse(built_in_prices());
    if (!doc) return catalog::PriceBook();
    return catalog::PriceBook::read(doc->root(), [](const std::string&, std::string) {});
  }();
  book.append(built_in);
  // Several accounts of one place are endpoints of one price.
  std::set<std::string> told;
  for (catalog::Endpoint& endpoint : out.endpoints) {
    for (std::string& note : book.apply(endpoint)) {
      if (told.insert(note).second) out.notes.push_back(std::move(note));
    }
  }
}

}  // namespace drover::app
