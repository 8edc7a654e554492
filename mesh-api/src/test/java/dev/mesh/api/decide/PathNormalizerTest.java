package dev.mesh.api.decide;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PathNormalizerTest {
    private static PathNormalizer.Result normalize(String path, PathNormalizer.EscapedSlashes slashes) {
        return PathNormalizer.normalize(path, new PathNormalizer.Rules(slashes, true, true));
    }

    private static void becomes(String path, String expected) {
        assertThat(normalize(path, PathNormalizer.EscapedSlashes.KEEP))
                .isEqualTo(new PathNormalizer.Result.Path(expected));
    }

    @Test
    void removesDotSegmentsAndDoubledSlashes() {
        becomes("/a/b", "/a/b");
        becomes("/a/./b/../c", "/a/c");
        becomes("/../../a", "/a");
        becomes("/a/%2e%2E/b", "/b");
        becomes("/a\\..\\b", "/b");
        becomes("//a///b/", "/a/b/");
        becomes("/a/..", "/");
        becomes("/a/..;x=1/b", "/b");
        becomes("/%61/%7E%2d", "/a/~-");
        becomes("/a%20b%2F", "/a%20b%2F");
        becomes("/a/b/.", "/a/b/");
        becomes("/a?x=/../b//c", "/a?x=/../b//c");
    }

    @Test
    void rejectsAnEscapedNul() {
        assertThat(normalize("/a%00", PathNormalizer.EscapedSlashes.KEEP))
                .isEqualTo(new PathNormalizer.Result.Rejected());
    }

    @Test
    void doesWithEscapedSlashesWhatItIsTold() {
        assertThat(normalize("/a%2Fb", PathNormalizer.EscapedSlashes.KEEP))
                .isEqualTo(new PathNormalizer.Result.Path("/a%2Fb"));
        assertThat(normalize("/a%2Fb", PathNormalizer.EscapedSlashes.REJECT))
                .isEqualTo(new PathNormalizer.Result.Rejected());
        assertThat(normalize("/a%2f..%5cb", PathNormalizer.EscapedSlashes.REDIRECT))
                .isEqualTo(new PathNormalizer.Result.Redirect("/b"));
        assertThat(normalize("/a%2fb", PathNormalizer.EscapedSlashes.UNESCAPE))
                .isEqualTo(new PathNormalizer.Result.Path("/a/b"));
    }
}
