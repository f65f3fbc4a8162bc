"""Pictures of the real window in every state that exists, for looking at.

    python -m tests.tour OUT_DIR [SCENE…]

Each scene opens the window on a data folder of its own, with the real engine behind it, brings it into a state
and is photographed in both themes and two sizes: `OUT_DIR/<scene>-<theme>-<width>x<height>.png`. A scene that
cannot be played here (a part is missing) says so and is left out. A new scene is one function with `@scene`, in
the module of its page.
"""
