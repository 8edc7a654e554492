package dev.mesh.api.crd;

import com.sun.source.doctree.DocCommentTree;
import com.sun.source.doctree.ParamTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/// What the records' own comments say, read from their sources.
final class Javadoc {
    private final Map<String, String> types = new HashMap<>();
    private final Map<String, String> components = new HashMap<>();

    /// @param sources a folder of Java sources
    Javadoc(Path sources) throws IOException {
        var compiler = ToolProvider.getSystemJavaCompiler();
        try (var files = compiler.getStandardFileManager(null, null, null);
                var found = Files.walk(sources)) {
            var paths = found.filter(path -> path.toString().endsWith(".java"))
                    .sorted()
                    .toList();
            var task = (JavacTask)
                    compiler.getTask(null, files, null, null, null, files.getJavaFileObjectsFromPaths(paths));
            DocTrees documents = DocTrees.instance(task);
            for (CompilationUnitTree unit : task.parse()) {
                new Reader(documents, String.valueOf(unit.getPackageName())).scan(unit, "");
            }
        }
    }

    /// The first paragraph of a type's comment; empty if there is none.
    String of(Class<?> type) {
        return types.getOrDefault(type.getName(), "");
    }

    /// What `@param` says of a record's component; empty if it says nothing.
    String of(Class<?> type, String component) {
        return components.getOrDefault(type.getName() + "#" + component, "");
    }

    private final class Reader extends TreePathScanner<@Nullable Void, String> {
        private final DocTrees documents;
        private final String packageName;

        Reader(DocTrees documents, String packageName) {
            this.documents = documents;
            this.packageName = packageName;
        }

        @Override
        public @Nullable Void visitClass(ClassTree type, String outer) {
            String name = (outer.isEmpty() ? packageName + "." : outer + "$") + type.getSimpleName();
            DocCommentTree comment = documents.getDocCommentTree(getCurrentPath());
            if (comment != null) {
                types.put(name, firstParagraph(text(comment.getFullBody())));
                for (var tag : comment.getBlockTags()) {
                    if (tag instanceof ParamTree parameter) {
                        components.put(name + "#" + parameter.getName(), sentence(text(parameter.getDescription())));
                    }
                }
            }
            return super.visitClass(type, name);
        }
    }

    private static String text(Iterable<?> trees) {
        var text = new StringBuilder();
        trees.forEach(text::append);
        return text.toString();
    }

    private static String firstParagraph(String text) {
        int end = text.indexOf("\n\n");
        String first = end < 0 ? text : text.substring(0, end);
        // [Type#member] is a link between comments, and means nothing to those who read a schema.
        return first.replaceAll("\\[(?:\\w+)?#(\\w+)]", "$1")
                .replaceAll("\\s+", " ")
                .strip();
    }

    // `@param`s begin in lower case and end without a full stop.
    private static String sentence(String text) {
        String line = firstParagraph(text);
        return line.isEmpty() ? "" : Character.toUpperCase(line.charAt(0)) + line.substring(1) + ".";
    }
}
